# Table 1: CCT in the framework of the paper: network, batches, crops, learning
# rates, epochs and lists are those of the paper. Decoders, the weight and its
# ramp over 8 of 80 epochs, views without colour changes, and no warm-up are
# those of CCT's published config.
_base_ = [
    '../_base_/models/pspnet_r50.py', '../_base_/datasets/voc.py',
    '../_base_/schedules/80_epochs.py', '../_base_/methods/cct.py',
    '../_base_/default_runtime.py'
]
model = dict(
    _base_.cct_model,
    data_preprocessor=dict(
        type='SemiSegDataPreProcessor', size=_base_.crop_size),
    terms=dict(
        cct=dict(
            _base_.cct_model.terms.cct,
            weight=dict(peak=30., iters=8 * _base_.epoch_length))))
# as labeled images: 200 to 800 px long
cct_resize = dict(_base_.cct_resize, scale=(400, 400))
cct_crop = dict(_base_.cct_crop, crop_size=_base_.crop_size)
unlabeled_dataset = dict(
    _base_.unlabeled_dataset,
    pipeline=[
        _base_.cct_load, cct_resize, _base_.cct_flip, cct_crop,
        _base_.cct_views, _base_.cct_pack
    ])
train_dataloader = _base_.cct_dataloader
train_dataloader.batch_sampler.epoch_length = _base_.epoch_length
train_dataloader.dataset.datasets = [_base_.labeled_dataset, unlabeled_dataset]
custom_hooks = _base_.cct_hooks
