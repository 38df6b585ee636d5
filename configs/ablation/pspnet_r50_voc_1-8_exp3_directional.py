# Table 3, III: directional; all negatives, no confidence threshold.
_base_ = '../dcc/pspnet_r50_voc_1-8.py'
model = dict(loss_dc=dict(negative_sampling=False, positive_filtering=False))
