# DINOv2-B of 87 M parameters with the DPT head of UniMatch V2.
_base_ = './dpt_dinov2_small.py'

model = dict(
    backbone=dict(
        arch='base',
        init_cfg=dict(
            checkpoint='https://dl.fbaipublicfiles.com/dinov2/'
            'dinov2_vitb14/dinov2_vitb14_pretrain.pth')),
    decode_head=dict(
        in_channels=[768] * 4,
        channels=128,
        post_process_channels=[96, 192, 384, 768]))
