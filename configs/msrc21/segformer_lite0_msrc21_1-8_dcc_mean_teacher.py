# Mean teacher with DCC beside it: a second window of each photograph overlaps
# the first, and DC compares both in the overlap.
_base_ = [
    './segformer_lite0_msrc21_1-8_mean_teacher.py',
    '../_base_/late_dc.py',
]

model = dict(terms=dict(dc=_base_.late_dc_term))
paired_views = dict(
    type='MultiView',
    views=dict(
        weak=[],
        strong1=_base_.strong_augmentation,
        strong2=dict(
            window=1,
            transforms=[*_base_.strong_augmentation, _base_.random_flip])))
unlabeled_dataset = dict(
    _base_.unlabeled_dataset,
    pipeline=[
        _base_.load_image, _base_.random_resize, _base_.random_flip,
        _base_.paired_crop, paired_views, _base_.pack_views
    ])
train_dataloader = dict(
    dataset=dict(datasets=[_base_.labeled_dataset, unlabeled_dataset]))
