# Images are tested at their original size, at a single scale, without flips.
load_image = dict(type='LoadImageFromFile')
load_annotations = dict(type='LoadAnnotations')
pack_inputs = dict(type='PackSegInputs')
test_pipeline = [load_image, load_annotations, pack_inputs]
# With the option --tta: six scales, with and without flip.
tta_scales = [
    dict(type='Resize', scale_factor=ratio, keep_ratio=True)
    for ratio in (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
]
tta_rest = [
    [dict(type='RandomFlip', prob=prob) for prob in (0., 1.)],
    [load_annotations],
    [pack_inputs],
]
tta_pipeline = [
    load_image,
    dict(type='TestTimeAug', transforms=[tta_scales, *tta_rest])
]
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
