_base_ = [
    '../_base_/models/deeplabv3plus_small.py', '../_base_/datasets/demo.py',
    '../_base_/schedules/small_iterations.py',
    '../_base_/methods/u2pl.py', '../_base_/default_runtime.py'
]
model = dict(
    _base_.u2pl_model,
    data_preprocessor=dict(
        type='SemiSegDataPreProcessor', size=_base_.crop_size),
    decode_head=dict(num_classes=8),
    terms=dict(
        u2pl=dict(
            _base_.u2pl_model.terms.u2pl,
            # the number of channels of the small network
            representation=dict(type='RepresentationHead', channels=64),
            # about 20 steps
            queue_sizes=2000,
            queue_rows=100,
            anchors=64,
            negatives=50)))
unlabeled_dataset = dict(
    _base_.unlabeled_dataset,
    pipeline=[
        _base_.load_image, _base_.random_resize, _base_.random_flip,
        _base_.shared_crop, _base_.u2pl_views, _base_.pack_views
    ])
train_dataloader = _base_.u2pl_dataloader
train_dataloader.batch_size = 16
train_dataloader.num_workers = 1
# a single epoch, since each new epoch restarts the workers
train_dataloader.batch_sampler.epoch_length = _base_.max_iters
train_dataloader.dataset.datasets = [_base_.labeled_dataset, unlabeled_dataset]
# warm-up as in DCC, since the network starts from scratch
supervised_warmup = dict(
    type='SupervisedWarmupHook', warmup_iters=_base_.max_iters // 4)
custom_hooks = [supervised_warmup, _base_.u2pl_teacher]
