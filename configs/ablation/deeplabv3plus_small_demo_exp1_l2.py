# Table 3, I: squared distance of positive pairs, no negatives.
_base_ = '../demo/deeplabv3plus_small_demo_dcc.py'
model = dict(
    loss_dc=dict(_delete_=True, type='L2ConsistencyLoss', loss_weight=0.1),
    memory_bank=None)
