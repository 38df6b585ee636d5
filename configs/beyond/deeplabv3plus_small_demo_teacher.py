_base_ = [
    '../demo/deeplabv3plus_small_demo_dcc.py',
    '../_base_/methods/pseudo_labels.py'
]
model = _base_.pseudo_labels_model
# short training: the average covers about 100 iterations
pseudo_labels_hook = dict(_base_.pseudo_labels_hook, momentum=0.01)
custom_hooks = [_base_.supervised_warmup, pseudo_labels_hook]
