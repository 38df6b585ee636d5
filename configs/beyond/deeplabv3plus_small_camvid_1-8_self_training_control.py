# lambda = 0: pseudo masks without the DC loss.
_base_ = './deeplabv3plus_small_camvid_1-8_self_training_dcc.py'
model = dict(loss_dc=dict(loss_weight=0.))
