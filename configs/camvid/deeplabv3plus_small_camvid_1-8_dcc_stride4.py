# Compares every position of the stride-4 features instead of 2x2 means,
# which mix thin objects (poles, fences) with what is behind them.
_base_ = './deeplabv3plus_small_camvid_1-8_dcc.py'
model = dict(stride=4)
labeled_dataset, unlabeled_dataset = _base_.train_dataloader.dataset.datasets
unlabeled_dataset.pipeline[2].stride = 4
train_dataloader = dict(
    dataset=dict(datasets=[labeled_dataset, unlabeled_dataset]))
