# Table 3, VII: features are compared without projector.
_base_ = '../dcc/pspnet_r50_voc_1-8.py'
model = dict(projector=None)
