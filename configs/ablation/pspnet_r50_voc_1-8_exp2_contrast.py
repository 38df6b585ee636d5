# Table 3, II: both sides are pulled to every positive; all negatives are used.
_base_ = '../dcc/pspnet_r50_voc_1-8.py'
model = dict(
    loss_dc=dict(
        directional=False, negative_sampling=False, positive_filtering=False))
