# Second training: half of each batch are unlabeled images with pseudo masks of
# the supervised network, from tools/make_pseudo_masks.py --tta. Their colours
# are changed like those of the strong views.
_base_ = './segformer_lite0_ccp_1-16_supervised.py'

train_dataloader = dict(
    batch_size=8,
    batch_sampler=dict(source_ratio=[1, 1]),
    dataset=dict(datasets=[
        _base_.labeled_dataset, _base_.pseudo_labeled_dataset
    ]))
