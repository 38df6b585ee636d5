# DeepLabv3+ close to that of the paper: output stride 16, plain stem, no
# auxiliary head. (That of mmseg has output stride 8, a deep stem and an
# auxiliary head.) The head is that of mmseg, with separable convolutions; the
# published head, with plain ones, is heads/plain_deeplabv3plus.py.
_base_ = 'mmseg::_base_/models/deeplabv3plus_r50-d8.py'

model = dict(
    pretrained='torchvision://resnet50',
    backbone=dict(
        type='ResNet', strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2)),
    decode_head=dict(channels=256, dilations=(1, 6, 12, 18), num_classes=21),
    auxiliary_head=None)
