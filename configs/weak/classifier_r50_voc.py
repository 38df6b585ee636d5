# Batch size, crop size and epochs are those of CCT's published code for its
# masks, learning rates are those of the segmentation networks here.
_base_ = '../_base_/image_classifier.py'

data = dict(
    ann_file='image_labels.json',
    data_root='data/VOCdevkit/VOC2012',
    data_prefix='JPEGImages')
model = dict(
    backbone=dict(
        type='ResNet',
        depth=50,
        # stride 16: finer maps
        strides=(1, 2, 2, 1),
        init_cfg=dict(
            type='Pretrained', checkpoint='torchvision://resnet50')),
    head=dict(num_classes=20, in_channels=2048))
train_dataloader = dict(
    batch_size=16,
    dataset=dict(
        **data,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(
                type='RandomResize',
                scale=(500, 500),
                ratio_range=(0.64, 1.28),
                keep_ratio=True),
            dict(
                type='RandomCrop',
                crop_size=512,
                pad_if_needed=True,
                pad_val=(104, 116, 124)),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackInputs'),
        ]))
test_dataloader = dict(dataset=data)
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))))
param_scheduler = [
    dict(
        type='PolyLR',
        power=0.9,
        begin=0,
        end=5,
        by_epoch=True,
        convert_to_iter_based=True)
]
train_cfg = dict(by_epoch=True, max_epochs=5)
