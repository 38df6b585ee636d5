# Table 3, V: both sides are moved.
_base_ = '../demo/deeplabv3plus_small_demo_dcc.py'
model = dict(loss_dc=dict(directional=False))
