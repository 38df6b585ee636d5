# UniMatch V2 with its published network. 4 labeled + 4 unlabeled images on
# each of four GPUs.
_base_ = [
    '../_base_/models/dpt_dinov2_small.py', '../_base_/datasets/voc.py',
    '../_base_/schedules/60_epochs_adamw.py',
    '../_base_/methods/unimatch_v2.py', '../_base_/default_runtime.py'
]
crop_size = (518, 518)
model = dict(
    _base_.unimatch_v2_model,
    data_preprocessor=dict(type='SemiSegDataPreProcessor', size=crop_size))
labeled_pipeline = [
    _base_.load_image,
    _base_.load_annotations,
    # as for unlabeled images
    dict(
        type='RandomResize',
        scale=(500, 500),
        ratio_range=(0.5, 2.0),
        keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    _base_.pack_inputs,
]
labeled_dataset = dict(_base_.labeled_dataset, pipeline=labeled_pipeline)
unimatch_v2_crop = dict(_base_.unimatch_v2_crop, crop_size=crop_size)
unlabeled_dataset = dict(
    _base_.unlabeled_dataset,
    pipeline=[
        _base_.unimatch_v2_load, _base_.unimatch_v2_resize,
        _base_.unimatch_v2_flip, unimatch_v2_crop, _base_.unimatch_v2_views,
        _base_.unimatch_v2_pack
    ])
train_dataloader = _base_.unimatch_v2_dataloader
# An epoch is one pass over the unlabeled images.
train_dataloader.dataset.datasets = [labeled_dataset, unlabeled_dataset]
supervised_warmup = _base_.unimatch_v2_warmup
custom_hooks = _base_.unimatch_v2_hooks
