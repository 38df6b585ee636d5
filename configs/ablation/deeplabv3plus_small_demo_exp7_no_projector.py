# Table 3, VII: features are compared without projector.
_base_ = '../demo/deeplabv3plus_small_demo_dcc.py'
model = dict(projector=None)
