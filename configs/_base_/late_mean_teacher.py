# Mean teacher that begins after supervised training, from few masks and small
# batches: what helped on photographs (docs/real_photographs.md).
_base_ = './methods/mean_teacher.py'

mean_teacher_model = dict(
    # batch statistics of few crops are not those of whole images
    unlabeled_norm_eval=True,
    # the first quarter of the 1,000 iterations after the warm-up
    terms=dict(consistency=dict(weight=dict(iters=250))))
