# Table 3, III: directional; all negatives, no confidence threshold.
_base_ = '../demo/deeplabv3plus_small_demo_dcc.py'
model = dict(loss_dc=dict(negative_sampling=False, positive_filtering=False))
