# Table 4: 2 crops x 250 x 1 step of negatives a GPU.
_base_ = '../dcc/pspnet_r50_voc_1-8.py'
model = dict(memory_bank=dict(negatives_per_crop=250, steps=1))
