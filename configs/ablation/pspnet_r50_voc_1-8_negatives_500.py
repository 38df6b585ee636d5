# Table 4: 500 x 1 step of negatives of each crop on each GPU.
_base_ = '../dcc/pspnet_r50_voc_1-8.py'
model = dict(memory_bank=dict(negatives_per_crop=500, steps=1))
