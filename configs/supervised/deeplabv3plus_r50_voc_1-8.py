_base_ = [
    '../_base_/models/deeplabv3plus_r50.py', '../_base_/datasets/voc.py',
    '../_base_/schedules/80_epochs.py', '../_base_/supervised.py',
    '../_base_/default_runtime.py'
]
model = dict(data_preprocessor=dict(size=_base_.crop_size))
train_dataloader = _base_.supervised_dataloader
train_dataloader.batch_sampler.epoch_length = _base_.epoch_length
train_dataloader.dataset.datasets = [_base_.labeled_dataset]
