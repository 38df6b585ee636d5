# Table 3, II: both sides are pulled to every positive; all negatives are used.
_base_ = '../demo/deeplabv3plus_small_demo_dcc.py'
model = dict(
    loss_dc=dict(
        directional=False, negative_sampling=False, positive_filtering=False))
