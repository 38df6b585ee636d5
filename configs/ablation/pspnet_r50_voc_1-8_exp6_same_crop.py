# Table 3, VI: both crops show the same, only flips and colors differ.
_base_ = '../dcc/pspnet_r50_voc_1-8.py'
train_dataloader = _base_.train_dataloader
train_dataloader.dataset.datasets[1].pipeline[2].iou_range = (1., 1.)
