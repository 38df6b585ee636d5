# Multi-label classifier of mmpretrain for class activation maps (Zhou et al.):
# global pooling and a linear layer follow the backbone. The config that uses
# it sets num_classes, channels and data.
default_scope = 'mmpretrain'
model = dict(
    type='ImageClassifier',
    data_preprocessor=dict(
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='MultiLabelLinearClsHead'))
# Layer of the last feature map, for make_cam_masks.py.
cam_layer = 'backbone.layer4'
train_dataloader = dict(
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='MultiLabelDataset'))
# All labeled images at their original size, for make_cam_masks.py.
test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='MultiLabelDataset',
        pipeline=[dict(type='LoadImageFromFile'),
                  dict(type='PackInputs')]))
test_evaluator = dict(type='AveragePrecision')
test_cfg = dict()
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=50),
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=2))
randomness = dict(seed=0)
log_level = 'INFO'
load_from = None
resume = False
