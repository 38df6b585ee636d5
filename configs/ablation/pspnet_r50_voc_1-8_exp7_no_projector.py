# Table 3, VII: the features themselves are compared.
_base_ = '../dcc/pspnet_r50_voc_1-8.py'
model = dict(projector=None)
