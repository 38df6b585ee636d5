# Table 3, IV: directional, with negative sampling; no confidence threshold.
_base_ = '../dcc/pspnet_r50_voc_1-8.py'
model = dict(loss_dc=dict(positive_filtering=False))
