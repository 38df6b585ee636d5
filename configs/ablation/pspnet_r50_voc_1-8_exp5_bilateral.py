# Table 3, V: both sides are moved.
_base_ = '../dcc/pspnet_r50_voc_1-8.py'
model = dict(loss_dc=dict(directional=False))
