# Table 3, II: both sides are moved, by all negatives, to every positive.
_base_ = '../demo/deeplabv3plus_small_demo_dcc.py'
model = dict(
    loss_dc=dict(
        directional=False, negative_sampling=False, positive_filtering=False))
