# Table 3, IV: every more confident positive, however unsure.
_base_ = '../demo/deeplabv3plus_small_demo_dcc.py'
model = dict(loss_dc=dict(positive_filtering=False))
