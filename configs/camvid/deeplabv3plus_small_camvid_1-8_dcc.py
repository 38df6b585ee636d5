_base_ = [
    '../_base_/models/deeplabv3plus_small.py', '../_base_/datasets/camvid.py',
    '../_base_/schedules/small_iterations.py', '../_base_/methods/dcc.py',
    '../_base_/default_runtime.py'
]
model = dict(
    _base_.dcc_model,
    data_preprocessor=dict(
        type='SemiSegDataPreProcessor', size=_base_.crop_size),
    decode_head=dict(num_classes=11),
    memory_bank=dict(
        type='FeatureMemoryBank', negatives_per_crop=256, steps=4),
    # Every position of the stride-4 features. With the 2x2 pooling of the
    # paper DCC is worse than the baseline on images of this size (see
    # docs/paper.md).
    stride=4)
paired_crop = dict(_base_.paired_crop, stride=model['stride'])
unlabeled_dataset = dict(
    _base_.unlabeled_dataset,
    pipeline=[
        _base_.load_image, _base_.random_resize, paired_crop,
        _base_.paired_views, _base_.pack_views
    ])
train_dataloader = _base_.dcc_dataloader
train_dataloader.batch_size = 16
train_dataloader.num_workers = 1
# a single epoch, since each new epoch restarts the workers
train_dataloader.batch_sampler.epoch_length = _base_.max_iters
train_dataloader.dataset.datasets = [_base_.labeled_dataset, unlabeled_dataset]
supervised_warmup = dict(
    type='SupervisedWarmupHook', warmup_iters=_base_.max_iters // 4)
custom_hooks = [supervised_warmup]
