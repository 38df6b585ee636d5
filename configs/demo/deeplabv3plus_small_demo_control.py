# lambda = 0: unlabeled images only affect the batch norm statistics.
_base_ = './deeplabv3plus_small_demo_dcc.py'
model = dict(loss_dc=dict(loss_weight=0.))
