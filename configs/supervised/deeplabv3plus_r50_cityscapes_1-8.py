_base_ = [
    '../_base_/models/deeplabv3plus_r50.py',
    '../_base_/datasets/cityscapes.py',
    '../_base_/schedules/80_epochs.py', '../_base_/supervised.py',
    '../_base_/default_runtime.py'
]
# Sec. 4.1: higher learning rates, and 2 images on each of four GPUs.
optim_wrapper = dict(optimizer=dict(lr=0.1))
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    decode_head=dict(num_classes=19))
train_dataloader = _base_.supervised_dataloader
train_dataloader.batch_size = 2
train_dataloader.batch_sampler.epoch_length = _base_.epoch_length
train_dataloader.dataset.datasets = [_base_.labeled_dataset]
