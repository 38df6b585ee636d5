# DINOv2-S of 22 M parameters with the DPT head of UniMatch V2. Needs
# mmpretrain, and crop sizes that are multiples of 14 px.
data_preprocessor = dict(
    type='SegDataPreProcessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    pad_val=0,
    seg_pad_val=255,
    size=(518, 518))
model = dict(
    type='EncoderDecoder',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='DINOv2',
        arch='small',
        # True in unimatch_v2/dpt_dinov2-s_frozen_voc_1-8.py
        frozen=False,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://dl.fbaipublicfiles.com/dinov2/'
            'dinov2_vits14/dinov2_vits14_pretrain.pth')),
    decode_head=dict(
        type='DINOv2DPTHead',
        in_channels=[384] * 4,
        in_index=[0, 1, 2, 3],
        channels=64,
        post_process_channels=[48, 96, 192, 384],
        dropout_ratio=0.,
        num_classes=21,
        align_corners=True,
        loss_decode=dict(
            type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
