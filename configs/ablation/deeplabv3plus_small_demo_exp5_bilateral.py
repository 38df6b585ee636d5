# Table 3, V: not directional, both sides are pulled.
_base_ = '../demo/deeplabv3plus_small_demo_dcc.py'
model = dict(loss_dc=dict(directional=False))
