_base_ = [
    '../_base_/models/segformer_efficientnet_lite0.py',
    '../_base_/datasets/demo.py',
    '../_base_/schedules/photographs.py',
    '../_base_/supervised.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    decode_head=dict(num_classes=8))
# the first 12 masks show each class at least twice
labeled_dataset = dict(_base_.labeled_dataset, indices=12)
train_dataloader = _base_.supervised_dataloader
train_dataloader.batch_size = 4
train_dataloader.num_workers = 1
# a single epoch, since each new epoch restarts the workers
train_dataloader.batch_sampler.epoch_length = _base_.max_iters
train_dataloader.dataset.datasets = [labeled_dataset]
custom_hooks = [_base_.average_hook]
