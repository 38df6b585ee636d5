# Like Table 4: 2 crops x 256 x 2 steps of negatives.
_base_ = '../demo/deeplabv3plus_small_demo_dcc.py'
model = dict(memory_bank=dict(negatives_per_crop=256, steps=2))
