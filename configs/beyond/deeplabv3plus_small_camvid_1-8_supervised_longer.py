# Control of ..._self_training_dcc: as many images in forward and backward
# passes, (1 + 2 + 3/4 * 2) * 4,000, all of them labeled.
_base_ = '../camvid/deeplabv3plus_small_camvid_1-8_supervised.py'
max_iters = 18000
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
train_dataloader = dict(batch_sampler=dict(epoch_length=max_iters))
poly_schedule = dict(_base_.poly_schedule, end=max_iters)
param_scheduler = [_base_.linear_schedule, poly_schedule]
