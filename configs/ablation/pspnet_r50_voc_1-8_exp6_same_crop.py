# Table 3, VI: both crops show the same window; only flips and colors differ.
_base_ = '../dcc/pspnet_r50_voc_1-8.py'
dcc_crop = dict(_base_.dcc_crop, iou_range=(1., 1.))
unlabeled_dataset = dict(
    _base_.unlabeled_dataset,
    pipeline=[
        _base_.dcc_load, _base_.dcc_resize, dcc_crop, _base_.dcc_views,
        _base_.dcc_pack
    ])
train_dataloader = dict(
    dataset=dict(datasets=[_base_.labeled_dataset, unlabeled_dataset]))
