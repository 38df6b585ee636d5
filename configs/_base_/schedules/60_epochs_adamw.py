# UniMatch V2: learning rate 5e-6 for the backbone and 40 times that for the
# rest, weight decay for all weights, 60 passes over the unlabeled images.
_base_ = './80_epochs.py'

optim_wrapper = dict(
    optimizer=dict(
        _delete_=True,
        type='AdamW',
        lr=2e-4,
        betas=(0.9, 0.999),
        weight_decay=0.01),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=1 / 40))))
poly_schedule = dict(
    type='PolyLR',
    power=0.9,
    eta_min=0,
    begin=0,
    end=60,
    by_epoch=True,
    convert_to_iter_based=True)
param_scheduler = [poly_schedule]
train_cfg = dict(max_epochs=60)
