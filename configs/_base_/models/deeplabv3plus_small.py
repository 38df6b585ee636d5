# DeepLabv3+ of 0.4 M parameters, trainable from scratch on two CPU cores: the
# first three stages of a ResNet-18 with a quarter of the channels, stride 8.
_base_ = 'mmseg::_base_/models/deeplabv3plus_r50-d8.py'

model = dict(
    pretrained=None,
    backbone=dict(
        type='ResNet',
        depth=18,
        num_stages=3,
        out_indices=(0, 1, 2),
        strides=(1, 2, 1),
        dilations=(1, 1, 2),
        base_channels=16,
        contract_dilation=False),
    decode_head=dict(
        in_channels=64,
        in_index=2,
        channels=64,
        dilations=(1, 2, 4),
        c1_in_channels=16,
        c1_channels=16,
        dropout_ratio=0.),
    auxiliary_head=None)
