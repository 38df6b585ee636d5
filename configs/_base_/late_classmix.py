# ClassMix that begins after supervised training, from few masks and small
# batches: what helped on photographs (docs/real_photographs.md).
_base_ = './methods/classmix.py'

classmix_model = dict(
    # batch statistics of few crops are not those of whole images
    unlabeled_norm_eval=True,
    # rare classes stay, and more pixels than the surest learn
    terms=dict(pseudo=dict(threshold=0.9, alignment=dict(power=0.5))))
