# GCT in Table 1 of the DCC paper: network, lists, batch size and schedule of
# DCC (Sec. 4.1), constants of GCT.
_base_ = [
    '../_base_/models/deeplabv3plus_r50.py', '../_base_/datasets/voc.py',
    '../_base_/schedules/80_epochs.py', '../_base_/methods/gct.py',
    '../_base_/default_runtime.py'
]
model = dict(
    _base_.gct_model,
    pretrained='torchvision://resnet101',
    backbone=dict(depth=101),
    data_preprocessor=dict(
        type='SemiSegDataPreProcessor', size=_base_.crop_size),
    terms=dict(
        gct=dict(
            _base_.gct_model.terms.gct,
            # 3 epochs, as published for DeepLabv2
            consistency_weight=dict(
                peak=100., iters=3 * _base_.epoch_length))))
# sizes of the labeled images: 200 to 800 px long
gct_resize = dict(_base_.gct_resize, scale=(400, 400))
gct_crop = dict(_base_.gct_crop, crop_size=_base_.crop_size)
unlabeled_dataset = dict(
    _base_.unlabeled_dataset,
    pipeline=[
        _base_.gct_load, gct_resize, _base_.gct_flip, gct_crop,
        _base_.gct_views, _base_.gct_pack
    ])
train_dataloader = _base_.gct_dataloader
train_dataloader.batch_sampler.epoch_length = _base_.epoch_length
train_dataloader.dataset.datasets = [_base_.labeled_dataset, unlabeled_dataset]
# 1e-4 for each of two GPUs
detector_optimizer = dict(
    _base_.gct_optim_wrapper.parts['terms.gct.detector'], lr=2e-4)
optim_wrapper = dict(
    _base_.gct_optim_wrapper,
    parts={'terms.gct.detector': detector_optimizer})
# No warm-up, as published for GCT: it would not train partner and detector.
supervised_warmup = dict(type='SupervisedWarmupHook', warmup_epochs=0)
custom_hooks = [supervised_warmup]
