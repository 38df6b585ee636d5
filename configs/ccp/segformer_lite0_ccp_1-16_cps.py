_base_ = [
    '../_base_/models/segformer_efficientnet_lite0.py',
    '../_base_/datasets/ccp.py',
    '../_base_/schedules/photographs_unlabeled.py',
    '../_base_/methods/cps.py',
    '../_base_/default_runtime.py',
]
# Norms as published: with unlabeled_norm_eval=True both networks soon agree on
# one class of the unlabeled images.
model = dict(
    _base_.cps_model,
    data_preprocessor=dict(
        type='SemiSegDataPreProcessor', size=_base_.crop_size),
    decode_head=dict(num_classes=12))
unlabeled_dataset = dict(
    _base_.unlabeled_dataset,
    pipeline=[
        _base_.load_image, _base_.random_resize, _base_.random_flip,
        _base_.shared_crop, _base_.cps_views, _base_.pack_views
    ])
train_dataloader = _base_.cps_dataloader
train_dataloader.num_workers = 1
# a single epoch, since each new epoch restarts the workers
train_dataloader.batch_sampler.epoch_length = _base_.max_iters
train_dataloader.dataset.datasets = [_base_.labeled_dataset, unlabeled_dataset]
supervised_warmup = dict(
    type='SupervisedWarmupHook', warmup_iters=_base_.warmup_iters)
custom_hooks = [supervised_warmup, _base_.average_hook]
