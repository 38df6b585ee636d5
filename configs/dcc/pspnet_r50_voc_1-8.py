_base_ = [
    '../_base_/models/pspnet_r50.py', '../_base_/datasets/voc.py',
    '../_base_/schedules/80_epochs.py', '../_base_/methods/dcc.py',
    '../_base_/default_runtime.py'
]
model = dict(
    _base_.dcc_model,
    data_preprocessor=dict(
        type='SemiSegDataPreProcessor', size=_base_.crop_size))
unlabeled_dataset = dict(
    _base_.unlabeled_dataset, pipeline=_base_.dcc_unlabeled_pipeline)
train_dataloader = _base_.dcc_dataloader
train_dataloader.batch_sampler.epoch_length = _base_.epoch_length
train_dataloader.dataset.datasets = [_base_.labeled_dataset, unlabeled_dataset]
# The first 5 of 80 epochs are supervised.
supervised_warmup = dict(type='SupervisedWarmupHook', warmup_epochs=5)
custom_hooks = [supervised_warmup]
