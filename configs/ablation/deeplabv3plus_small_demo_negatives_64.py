# Like Table 4: 2 crops x 32 x 1 step of negatives.
_base_ = '../demo/deeplabv3plus_small_demo_dcc.py'
model = dict(memory_bank=dict(negatives_per_crop=32, steps=1))
