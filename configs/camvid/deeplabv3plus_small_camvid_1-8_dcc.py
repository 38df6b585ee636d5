_base_ = [
    '../_base_/models/deeplabv3plus_small.py', '../_base_/datasets/camvid.py',
    '../_base_/schedules/small_iterations.py', '../_base_/dcc.py',
    '../_base_/default_runtime.py'
]
model = dict(
    _base_.dcc_model,
    data_preprocessor=dict(
        type='SemiSegDataPreProcessor', size=_base_.crop_size),
    decode_head=dict(num_classes=11),
    memory_bank=dict(
        type='FeatureMemoryBank', negatives_per_crop=256, steps=4),
    # Every position of the stride-4 features: with 2x2 means, as the paper
    # takes them, DCC loses on images this small (see the README).
    stride=4)
train_dataloader = _base_.dcc_dataloader
train_dataloader.batch_size = train_dataloader.sampler.batch_size = 16
train_dataloader.num_workers = 1
# one epoch, since each new one restarts the workers
train_dataloader.sampler.epoch_length = _base_.max_iters
unlabeled_dataset = _base_.unlabeled_dataset
unlabeled_dataset.pipeline[2].stride = model['stride']
train_dataloader.dataset.datasets = [_base_.labeled_dataset, unlabeled_dataset]
custom_hooks = [
    dict(type='SupervisedWarmupHook', warmup_iters=_base_.max_iters // 4)
]
