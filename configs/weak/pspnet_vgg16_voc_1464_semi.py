# Table 5, VGG-16 of mmpretrain. The paper does not state its dilation: here
# the last pooling is omitted, which gives a stride of 16 px.
_base_ = './pspnet_r50_voc_1464_semi.py'
custom_imports = dict(
    imports=['mmseg_dcc', 'mmpretrain.models'], allow_failed_imports=False)
model = dict(
    pretrained=None,
    backbone=dict(
        _delete_=True,
        type='mmpretrain.VGG',
        depth=16,
        with_last_pool=False,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.openmmlab.com/mmclassification/v0/'
            'vgg/vgg16_batch256_imagenet_20210208-db26f1a5.pth',
            prefix='backbone.')),
    decode_head=dict(in_channels=512, in_index=0),
    # all positions: 2 crops x 4 images x 20 x 20
    memory_bank=dict(negatives_per_crop=1600),
    stride=16)
dcc_crop = dict(_base_.dcc_crop, stride=16)
unlabeled_dataset = dict(
    _base_.unlabeled_dataset,
    pipeline=[
        _base_.dcc_load, _base_.dcc_resize, dcc_crop, _base_.dcc_views,
        _base_.dcc_pack
    ])
train_dataloader = dict(
    dataset=dict(datasets=[_base_.labeled_dataset, unlabeled_dataset]))
