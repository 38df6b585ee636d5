# Table 3, VII: the features themselves are compared.
_base_ = '../demo/deeplabv3plus_small_demo_dcc.py'
model = dict(projector=None)
