_base_ = [
    '../_base_/models/deeplabv3plus_small.py', '../_base_/datasets/demo.py',
    '../_base_/schedules/small_iterations.py',
    '../_base_/methods/dcc_classmix.py', '../_base_/default_runtime.py'
]
model = dict(
    _base_.dcc_classmix_model,
    data_preprocessor=dict(
        type='SemiSegDataPreProcessor', size=_base_.crop_size),
    decode_head=dict(num_classes=8),
    terms=dict(
        _base_.dcc_classmix_model.terms,
        dc=dict(
            _base_.dcc_classmix_model.terms.dc,
            start_iters=0,
            bank=dict(type='FeatureMemoryBank', rows=256, steps=4))))
dcc_classmix_views = dict(
    type='MultiView',
    views=dict(
        weak=[],
        strong1=_base_.strong_augmentation,
        strong2=dict(
            window=1,
            transforms=[*_base_.strong_augmentation, _base_.random_flip])))
unlabeled_dataset = dict(
    _base_.unlabeled_dataset,
    pipeline=[
        _base_.load_image, _base_.random_resize, _base_.random_flip,
        _base_.paired_crop, dcc_classmix_views, _base_.pack_views
    ])
train_dataloader = _base_.dcc_classmix_dataloader
train_dataloader.batch_size = 16
train_dataloader.num_workers = 1
# a single epoch, since each new epoch restarts the workers
train_dataloader.batch_sampler.epoch_length = _base_.max_iters
train_dataloader.dataset.datasets = [_base_.labeled_dataset, unlabeled_dataset]
# warm-up as in DCC, since the network starts from scratch
supervised_warmup = dict(
    type='SupervisedWarmupHook', warmup_iters=_base_.max_iters // 4)
custom_hooks = [supervised_warmup, _base_.dcc_classmix_teacher]
