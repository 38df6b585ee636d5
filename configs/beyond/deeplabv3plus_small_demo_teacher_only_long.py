# lambda = 0: pseudo labels without the DC loss.
_base_ = './deeplabv3plus_small_demo_teacher_long.py'
model = dict(loss_dc=dict(loss_weight=0.))
