# Backbone of the segmentation network of the demo, from scratch.
_base_ = '../_base_/image_classifier.py'

max_epochs = 40
data = dict(
    ann_file='image_labels.json',
    data_root='data/demo',
    data_prefix='JPEGImages')
model = dict(
    backbone=dict(
        type='ResNet',
        depth=18,
        num_stages=3,
        out_indices=(2, ),
        strides=(1, 2, 1),
        dilations=(1, 1, 2),
        base_channels=16),
    head=dict(num_classes=7, in_channels=64))
cam_layer = 'backbone.layer3'
train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    dataset=dict(
        **data,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(
                type='RandomResize',
                scale=(96, 96),
                ratio_range=(0.7, 1.4),
                keep_ratio=True),
            dict(
                type='RandomCrop',
                crop_size=96,
                pad_if_needed=True,
                pad_val=(104, 116, 124)),
            dict(type='RandomFlip', prob=0.5),
            dict(
                type='ColorJitter', brightness=0.1, contrast=0.1,
                saturation=0.1),
            dict(type='PackInputs'),
        ]))
test_dataloader = dict(num_workers=1, dataset=data)
optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=3e-3, weight_decay=0.01))
param_scheduler = [
    dict(
        type='PolyLR',
        power=0.9,
        begin=0,
        end=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True)
]
train_cfg = dict(by_epoch=True, max_epochs=max_epochs)
