# Table 3, VI: both crops show the same window; only flips and colors differ.
_base_ = '../demo/deeplabv3plus_small_demo_dcc.py'
paired_crop = dict(_base_.paired_crop, iou_range=(1., 1.))
unlabeled_dataset = dict(
    _base_.unlabeled_dataset,
    pipeline=[
        _base_.load_image, _base_.random_resize, paired_crop,
        _base_.paired_views, _base_.pack_views
    ])
train_dataloader = dict(
    dataset=dict(datasets=[_base_.labeled_dataset, unlabeled_dataset]))
