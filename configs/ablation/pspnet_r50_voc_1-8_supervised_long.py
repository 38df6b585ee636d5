# As many images in forward passes as with DCC: 5 + 75 * 3 epochs.
_base_ = '../supervised/pspnet_r50_voc_1-8.py'
max_epochs = 230
train_cfg = dict(max_epochs=max_epochs)
poly_schedule = dict(_base_.poly_schedule, end=max_epochs)
param_scheduler = [poly_schedule]
