_base_ = [
    './deeplabv3plus_r50_voc_1-8.py',
    '../_base_/heads/plain_deeplabv3plus.py'
]
model = dict(decode_head=_base_.plain_head)
