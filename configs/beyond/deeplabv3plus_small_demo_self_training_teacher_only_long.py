# lambda = 0: a teacher and pseudo masks without the DC loss.
_base_ = './deeplabv3plus_small_demo_self_training_teacher_long.py'
model = dict(loss_dc=dict(loss_weight=0.))
