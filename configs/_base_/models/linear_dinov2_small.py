# Linear classifier on the concatenated four levels of DINOv2-S. The linear
# head of DINOv2 has a batch norm before the classifier; here there is none,
# since a LayerNorm has already been applied to the levels.
_base_ = './dpt_dinov2_small.py'

model = dict(
    decode_head=dict(
        _delete_=True,
        type='FCNHead',
        in_channels=[384] * 4,
        in_index=[0, 1, 2, 3],
        input_transform='resize_concat',
        channels=4 * 384,
        num_convs=0,
        concat_input=False,
        dropout_ratio=0.,
        num_classes=21,
        align_corners=False,
        loss_decode=dict(
            type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0)))
