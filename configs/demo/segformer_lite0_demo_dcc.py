_base_ = [
    '../_base_/models/segformer_efficientnet_lite0.py',
    '../_base_/datasets/demo.py',
    '../_base_/schedules/photographs_one_decay.py',
    '../_base_/methods/dcc.py',
    '../_base_/default_runtime.py',
]
model = dict(
    _base_.dcc_model,
    data_preprocessor=dict(
        type='SemiSegDataPreProcessor', size=_base_.crop_size),
    decode_head=dict(num_classes=8),
    # batch statistics of few crops are not those of whole images
    unlabeled_norm_eval=True,
    memory_bank=dict(
        type='FeatureMemoryBank', negatives_per_crop=256, steps=4))
# the first 12 masks show each class at least twice
labeled_dataset = dict(_base_.labeled_dataset, indices=12)
train_dataloader = _base_.dcc_dataloader
train_dataloader.num_workers = 1
# a single epoch, since each new epoch restarts the workers
train_dataloader.batch_sampler.epoch_length = _base_.max_iters
train_dataloader.dataset.datasets = [
    labeled_dataset, _base_.unlabeled_dataset
]
# a later start, so that DCC costs as much as ClassMix
supervised_warmup = dict(
    type='SupervisedWarmupHook', warmup_iters=_base_.max_iters * 2 // 3)
custom_hooks = [supervised_warmup, _base_.average_hook]
