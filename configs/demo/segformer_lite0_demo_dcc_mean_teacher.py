# Mean teacher with DCC beside it: a second window of each photograph overlaps
# the first, and DC compares both in the overlap.
_base_ = [
    './segformer_lite0_demo_mean_teacher.py',
    '../_base_/late_dc.py',
]

model = dict(terms=dict(dc=_base_.late_dc_term))
unlabeled_dataset = _base_.strong_pairs_dataset
train_dataloader = dict(
    dataset=dict(datasets=[_base_.labeled_dataset, unlabeled_dataset]))
