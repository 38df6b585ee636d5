_base_ = [
    './deeplabv3plus_small_camvid_1-8_dcc_long.py', '../_base_/mean_teacher.py'
]
model = _base_.mean_teacher_model
custom_hooks = [
    *_base_.custom_hooks,
    # a short training: remembers 100 iterations
    dict(_base_.mean_teacher_hook, momentum=0.01)
]
