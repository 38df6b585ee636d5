# Second training like ..._self_training, with pairs of crops for DCC as well
# after the warm-up.
_base_ = './segformer_lite0_msrc21_1-8_dcc.py'

train_dataloader = dict(
    batch_size=12,
    batch_sampler=dict(source_ratio=[1, 1, 1]),
    dataset=dict(datasets=[
        _base_.labeled_dataset, _base_.pseudo_labeled_dataset,
        _base_.unlabeled_dataset
    ]))
