# Fragment that adds pseudo labels of a mean teacher to a DCC config, a
# combination of this project: `model = _base_.pseudo_labels_model` and
# `custom_hooks = [*_base_.custom_hooks, *_base_.pseudo_labels_hooks]`.
pseudo_labels_model = dict(
    terms=dict(
        pseudo=dict(
            type='PseudoLabels',
            label_view='a',
            train_views=('a', ),
            teacher=True,
            threshold=0.7,
            mix=dict(
                area_range=(0.25, 0.5),
                ratio_range=(0.5, 2),
                prob=1.,
                partner='roll'))))
# averages over about 1,000 iterations
pseudo_labels_hook = dict(type='MeanTeacherHook', momentum=0.001)
pseudo_labels_hooks = [pseudo_labels_hook]
