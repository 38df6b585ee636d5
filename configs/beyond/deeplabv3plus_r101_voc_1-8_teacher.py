_base_ = [
    '../dcc/deeplabv3plus_r101_voc_1-8.py',
    '../_base_/methods/pseudo_labels.py'
]
model = _base_.pseudo_labels_model
custom_hooks = [*_base_.custom_hooks, *_base_.pseudo_labels_hooks]
