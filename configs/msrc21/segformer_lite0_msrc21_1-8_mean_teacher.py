_base_ = [
    '../_base_/models/segformer_efficientnet_lite0.py',
    '../_base_/datasets/msrc21.py',
    '../_base_/schedules/photographs_unlabeled.py',
    '../_base_/late_mean_teacher.py',
    '../_base_/default_runtime.py',
]
model = dict(
    _base_.mean_teacher_model,
    data_preprocessor=dict(
        type='SemiSegDataPreProcessor', size=_base_.crop_size),
    decode_head=dict(num_classes=21))
unlabeled_dataset = _base_.strong_view_dataset
train_dataloader = _base_.mean_teacher_dataloader
train_dataloader.num_workers = 1
# a single epoch, since each new epoch restarts the workers
train_dataloader.batch_sampler.epoch_length = _base_.max_iters
train_dataloader.dataset.datasets = [_base_.labeled_dataset, unlabeled_dataset]
supervised_warmup = dict(
    type='SupervisedWarmupHook', warmup_iters=_base_.warmup_iters)
# short training: the average covers about 300 iterations
mean_teacher_hook = dict(_base_.mean_teacher_hook, momentum=0.003)
custom_hooks = [supervised_warmup, mean_teacher_hook]
