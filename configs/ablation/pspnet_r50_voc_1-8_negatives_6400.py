# Table 4: 2 crops x 3,200 x 1 step of negatives a GPU.
_base_ = '../dcc/pspnet_r50_voc_1-8.py'
model = dict(memory_bank=dict(negatives_per_crop=3200, steps=1))
