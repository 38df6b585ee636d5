# Turns a DCC config into one with a mean teacher, which the paper does not
# have: `model = _base_.mean_teacher_model`, and the hook beside those of the
# config: `custom_hooks = [*_base_.custom_hooks, _base_.mean_teacher_hook]`.
mean_teacher_model = dict(
    type='MeanTeacherDCCSegmentor',
    pseudo_threshold=0.7,
    pseudo_weight=1.,
    cutmix_area=(0.25, 0.5))
# remembers about 1,000 iterations
mean_teacher_hook = dict(type='MeanTeacherHook', momentum=0.001)
