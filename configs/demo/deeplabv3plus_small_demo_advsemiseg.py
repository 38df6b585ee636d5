_base_ = [
    '../_base_/models/deeplabv3plus_small.py', '../_base_/datasets/demo.py',
    '../_base_/schedules/small_iterations.py',
    '../_base_/methods/advsemiseg.py', '../_base_/default_runtime.py'
]
model = dict(
    _base_.advsemiseg_model,
    data_preprocessor=dict(
        type='SemiSegDataPreProcessor', size=_base_.crop_size),
    decode_head=dict(num_classes=8),
    terms=dict(
        adversarial=dict(
            _base_.advsemiseg_model.terms.adversarial,
            # the published share of the iterations
            self_iters=_base_.max_iters // 4)))
unlabeled_dataset = dict(
    _base_.unlabeled_dataset,
    pipeline=[
        _base_.load_image, _base_.random_resize, _base_.random_flip,
        _base_.shared_crop, _base_.advsemiseg_views, _base_.pack_views
    ])
train_dataloader = _base_.advsemiseg_dataloader
train_dataloader.batch_size = 16
train_dataloader.num_workers = 1
# a single epoch, since each new epoch restarts the workers
train_dataloader.batch_sampler.epoch_length = _base_.max_iters
train_dataloader.dataset.datasets = [_base_.labeled_dataset, unlabeled_dataset]
optim_wrapper = _base_.advsemiseg_optim_wrapper
custom_hooks = _base_.advsemiseg_hooks
