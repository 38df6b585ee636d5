# Table 3, VI: both crops show the same, only flips and colors differ.
_base_ = '../demo/deeplabv3plus_small_demo_dcc.py'
train_dataloader = _base_.train_dataloader
train_dataloader.dataset.datasets[1].pipeline[2].iou_range = (1., 1.)
