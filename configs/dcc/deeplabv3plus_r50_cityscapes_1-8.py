_base_ = [
    '../_base_/models/deeplabv3plus_r50.py',
    '../_base_/datasets/cityscapes.py',
    '../_base_/schedules/80_epochs.py', '../_base_/methods/dcc.py',
    '../_base_/default_runtime.py'
]
# Sec. 4.1: higher learning rates, and 2 + 2 images on each of four GPUs.
optim_wrapper = dict(optimizer=dict(lr=0.1))
model = dict(
    _base_.dcc_model,
    data_preprocessor=dict(
        type='SemiSegDataPreProcessor', size=_base_.crop_size),
    decode_head=dict(num_classes=19),
    # Published for Cityscapes: all 2 x 90 x 90 positions of this step
    memory_bank=dict(
        type='FeatureMemoryBank', negatives_per_crop=16200, steps=1))
dcc_resize = dict(_base_.dcc_resize, scale=(2048, 1024))
dcc_crop = dict(_base_.dcc_crop, crop_size=_base_.crop_size)
unlabeled_dataset = dict(
    _base_.unlabeled_dataset,
    pipeline=[
        _base_.dcc_load, dcc_resize, dcc_crop, _base_.dcc_views,
        _base_.dcc_pack
    ])
train_dataloader = _base_.dcc_dataloader
train_dataloader.batch_size = 4
train_dataloader.batch_sampler.epoch_length = _base_.epoch_length
train_dataloader.dataset.datasets = [_base_.labeled_dataset, unlabeled_dataset]
# The first 5 of 80 epochs are supervised.
supervised_warmup = dict(type='SupervisedWarmupHook', warmup_epochs=5)
custom_hooks = [supervised_warmup]
