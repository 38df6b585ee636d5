# S4GAN in Table 1. Network, sizes and schedule are those of Sec. 4; the
# settings of the method are those of its published code.
_base_ = [
    '../_base_/models/deeplabv3plus_r50.py', '../_base_/datasets/voc.py',
    '../_base_/schedules/80_epochs.py', '../_base_/methods/s4gan.py',
    '../_base_/default_runtime.py'
]
model = dict(
    _base_.s4gan_model,
    pretrained='torchvision://resnet101',
    backbone=dict(depth=101),
    data_preprocessor=dict(
        type='SemiSegDataPreProcessor', size=_base_.crop_size))
unlabeled_dataset = dict(
    _base_.unlabeled_dataset,
    pipeline=[
        _base_.s4gan_load,
        # as labeled images
        dict(_base_.s4gan_resize, scale=(400, 400)),
        _base_.s4gan_flip,
        dict(_base_.s4gan_crop, crop_size=_base_.crop_size),
        _base_.s4gan_views,
        _base_.s4gan_pack
    ])
train_dataloader = _base_.s4gan_dataloader
train_dataloader.batch_sampler.epoch_length = _base_.epoch_length
train_dataloader.dataset.datasets = [_base_.labeled_dataset, unlabeled_dataset]
optim_wrapper = _base_.s4gan_optim_wrapper
# no warm-up, as published
supervised_warmup = dict(type='SupervisedWarmupHook', warmup_epochs=0)
custom_hooks = [supervised_warmup]
