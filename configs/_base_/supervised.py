# Supervised baseline of methods/dcc.py: the same loop and the same labeled
# images in the same order, without unlabeled ones.
supervised_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='MultiSourceBatchSampler', source_ratio=[1]),
    dataset=dict(type='ConcatDataset'))
