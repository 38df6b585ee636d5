_base_ = './deeplabv3plus_r50_voc_1-16.py'
model = dict(
    pretrained='torchvision://resnet101',
    backbone=dict(depth=101),
    # as published, one step more than with ResNet-50
    memory_bank=dict(steps=3))
