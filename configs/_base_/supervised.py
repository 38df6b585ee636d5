# The supervised-only twin of dcc.py: the same loop and the same stream of
# labeled images, no unlabeled ones.
supervised_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='MultiSourceSampler', batch_size=4, source_ratio=[1]),
    dataset=dict(type='ConcatDataset'))
