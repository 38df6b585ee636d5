_base_ = './classifier_r50_voc.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='VGG',
        depth=16,
        # stride 16
        with_last_pool=False,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.openmmlab.com/mmclassification/v0/'
            'vgg/vgg16_batch256_imagenet_20210208-db26f1a5.pth',
            prefix='backbone.')),
    head=dict(in_channels=512))
cam_layer = 'backbone.features'
# without batch norm it diverges at the learning rate of ResNet
optim_wrapper = dict(optimizer=dict(lr=0.01))
