_base_ = [
    '../_base_/models/deeplabv3plus_small.py', '../_base_/datasets/demo.py',
    '../_base_/schedules/small_iterations.py',
    '../_base_/methods/cutmix_seg.py', '../_base_/default_runtime.py'
]
model = dict(
    _base_.cutmix_seg_model,
    data_preprocessor=dict(
        type='SemiSegDataPreProcessor', size=_base_.crop_size),
    decode_head=dict(num_classes=8))
unlabeled_dataset = _base_.strong_view_dataset
train_dataloader = _base_.cutmix_seg_dataloader
train_dataloader.batch_size = 16
train_dataloader.num_workers = 1
# a single epoch, since each new epoch restarts the workers
train_dataloader.batch_sampler.epoch_length = _base_.max_iters
train_dataloader.dataset.datasets = [_base_.labeled_dataset, unlabeled_dataset]
# warm-up as in DCC, since the network starts from scratch
supervised_warmup = dict(
    type='SupervisedWarmupHook', warmup_iters=_base_.max_iters // 4)
custom_hooks = [supervised_warmup, _base_.cutmix_seg_teacher]
