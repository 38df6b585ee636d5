# Table 3, I: squared distance of positive pairs, no negatives.
_base_ = '../dcc/pspnet_r50_voc_1-8.py'
model = dict(
    loss_dc=dict(_delete_=True, type='L2ConsistencyLoss', loss_weight=0.1),
    memory_bank=None)
