# Like Table 4: 2 crops x 1,024 x 4 steps of negatives.
_base_ = '../demo/deeplabv3plus_small_demo_dcc.py'
model = dict(memory_bank=dict(negatives_per_crop=1024, steps=4))
