# ECS-style training for Table 1, which quotes the numbers of the ECS paper.
# Network, sizes and schedule are those of Sec. 4.
_base_ = [
    '../_base_/models/deeplabv3plus_r50.py', '../_base_/datasets/voc.py',
    '../_base_/schedules/80_epochs.py', '../_base_/methods/ecs.py',
    '../_base_/default_runtime.py'
]
model = dict(
    _base_.ecs_model,
    data_preprocessor=dict(
        type='SemiSegDataPreProcessor', size=_base_.crop_size),
    terms=dict(
        correction=dict(
            _base_.ecs_model.terms.correction,
            # 10 of 80 epochs: after the warm-up the corrector is trained first
            unlabeled_iters=10 * _base_.epoch_length)))
unlabeled_dataset = dict(
    _base_.unlabeled_dataset,
    pipeline=[
        _base_.ecs_load,
        # as labeled images
        dict(_base_.ecs_resize, scale=(400, 400)),
        _base_.ecs_flip,
        dict(_base_.ecs_crop, crop_size=_base_.crop_size),
        _base_.ecs_views,
        _base_.ecs_pack
    ])
train_dataloader = _base_.ecs_dataloader
train_dataloader.batch_sampler.epoch_length = _base_.epoch_length
train_dataloader.dataset.datasets = [_base_.labeled_dataset, unlabeled_dataset]
optim_wrapper = _base_.ecs_optim_wrapper
# The first 5 of 80 epochs are supervised.
supervised_warmup = dict(type='SupervisedWarmupHook', warmup_epochs=5)
custom_hooks = [supervised_warmup]
