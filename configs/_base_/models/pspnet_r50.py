# PSPNet of the paper: output stride 8, plain stem, no auxiliary head.
_base_ = 'mmseg::_base_/models/pspnet_r50-d8.py'

model = dict(
    pretrained='torchvision://resnet50',
    backbone=dict(type='ResNet'),
    decode_head=dict(num_classes=21),
    auxiliary_head=None)
