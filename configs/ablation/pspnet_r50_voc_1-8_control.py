# lambda = 0: unlabeled images only affect the batch norm statistics.
_base_ = '../dcc/pspnet_r50_voc_1-8.py'
model = dict(loss_dc=dict(loss_weight=0.))
