# The paper's 2x2 pooling of stride-4 features, for comparison.
_base_ = './deeplabv3plus_small_camvid_1-8_dcc.py'
model = dict(stride=8)
labeled_dataset, unlabeled_dataset = _base_.train_dataloader.dataset.datasets
unlabeled_dataset.pipeline[2].stride = 8
train_dataloader = dict(
    dataset=dict(datasets=[labeled_dataset, unlabeled_dataset]))
