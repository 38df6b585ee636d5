# Table 3, V: not directional, both sides are pulled.
_base_ = '../dcc/pspnet_r50_voc_1-8.py'
model = dict(loss_dc=dict(directional=False))
