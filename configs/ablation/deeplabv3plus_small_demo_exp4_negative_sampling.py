# Table 3, IV: directional, with negative sampling; no confidence threshold.
_base_ = '../demo/deeplabv3plus_small_demo_dcc.py'
model = dict(loss_dc=dict(positive_filtering=False))
