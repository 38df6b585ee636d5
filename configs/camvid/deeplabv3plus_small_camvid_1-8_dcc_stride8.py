# With the 2x2 pooling of stride-4 features of the paper, for comparison.
_base_ = './deeplabv3plus_small_camvid_1-8_dcc.py'
model = dict(stride=8)
paired_crop = dict(_base_.paired_crop, stride=8)
unlabeled_dataset = dict(
    _base_.unlabeled_dataset,
    pipeline=[
        _base_.load_image, _base_.random_resize, paired_crop,
        _base_.paired_views, _base_.pack_views
    ])
train_dataloader = dict(
    dataset=dict(datasets=[_base_.labeled_dataset, unlabeled_dataset]))
