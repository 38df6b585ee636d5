# Table 4: 6,400 x 4 steps of negatives of each crop on each GPU.
_base_ = '../dcc/pspnet_r50_voc_1-8.py'
model = dict(memory_bank=dict(negatives_per_crop=6400, steps=4))
