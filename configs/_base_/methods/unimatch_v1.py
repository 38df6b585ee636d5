# Fragment for UniMatch V1 (Yang et al., CVPR 2023): the network predicts
# labels on a weak view, with which it is trained on two strong, mixed views
# and on features with half of the channels dropped. It only defines new names,
# so that it merges with every stock config.
# Published: SGD, learning rate on VOC 0.001 for the backbone and ten times
# that for the head; on Cityscapes 0.005 for both, with a labeled loss on hard
# pixels:
# decode_head=dict(
#     sampler=dict(type='OHEMPixelSampler', thresh=0.7, min_kept=100000))
# (in each image; mmseg divides by the number of all pixels, the published code
# by that of the kept ones). The classifier has no dropout:
# decode_head.dropout_ratio=0.

# Merge into the stock model: `model = _base_.unimatch_v1_model`. The total
# loss is half of labeled plus unlabeled loss; the latter is a quarter of the
# loss on each strong view plus half of that on dropped features.
unimatch_v1_model = dict(
    type='SemiEncoderDecoder',
    data_preprocessor=dict(type='SemiSegDataPreProcessor'),
    sup_weight=0.5,
    terms=dict(
        pseudo=dict(
            type='UniMatch',
            weight=0.5,
            label_view='weak',
            train_views=('strong1', 'strong2'),
            # 0 on Cityscapes
            threshold=0.95,
            mix='cutmix',
            feature_dropout=0.5)))

# 4 labeled + 4 unlabeled images on each GPU (published: 2 + 2 on four).
# The config that uses this sets dataset.datasets = [labeled, unlabeled].
unimatch_v1_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='MultiSourceBatchSampler', source_ratio=[1, 1]),
    dataset=dict(
        type='ConcatDataset',
        # keys that unlabeled images do not have
        ignore_keys=['classes', 'palette', 'label_map', 'reduce_zero_label']))

# Images of VOC, 500 px long, become 250 to 1,000 px long: the longer side
# times U(0.5, 2), as published. The crop size is that of the VOC configs of
# mmseg (published: 321 on VOC, 801 on Cityscapes, 513 on COCO).
# For other sizes use dict(_base_.unimatch_v1_resize, scale=...) instead.
unimatch_v1_load = dict(type='LoadImageFromFile')
unimatch_v1_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(500, 500),
    ratio_range=(0.5, 2.0),
    keep_ratio=True)
# before the crop, so that all views share it
unimatch_v1_flip = dict(type='RandomFlip', prob=0.5)
unimatch_v1_crop = dict(type='SharedRandomCrop', crop_size=(512, 512))
# Published: colour jitter of 0.5, 0.5, 0.5 and hue 0.25 with probability 0.8,
# grey 0.2, blur 0.5. The jitter of mmseg adds to the brightness (64 = 0.5 *
# 128) where the published one multiplies it, and applies each of its parts
# with probability 0.5; a hue shift of 0.25 is 45 in OpenCV's range of 180.
unimatch_v1_strong = [
    dict(
        type='RandomApply',
        transforms=[
            dict(
                type='FastPhotoMetricDistortion',
                brightness_delta=64,
                contrast_range=(0.5, 1.5),
                saturation_range=(0.5, 1.5),
                hue_delta=45)
        ],
        prob=0.8),
    dict(type='FastRandomGrayscale', prob=0.2),
    dict(type='RandomGaussianBlur', prob=0.5, sigma_range=(0.1, 2.0)),
]
unimatch_v1_views = dict(
    type='MultiView',
    views=dict(
        weak=[], strong1=unimatch_v1_strong, strong2=unimatch_v1_strong))
unimatch_v1_pack = dict(type='PackViews')
unimatch_v1_unlabeled_pipeline = [
    unimatch_v1_load, unimatch_v1_resize, unimatch_v1_flip, unimatch_v1_crop,
    unimatch_v1_views, unimatch_v1_pack
]

# no teacher and no warm-up, as published
unimatch_v1_hooks = [dict(type='SupervisedWarmupHook', warmup_iters=0)]
