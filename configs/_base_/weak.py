# The fragment that turns a DCC config into one with image-level labels
# (Sec. 3.5), merged over the DCC model: `model = _base_.weak_model`. The
# config that uses it gives the folder of the weak masks:
# data_prefix.weak_seg_map_path of the unlabeled dataset.
weak_model = dict(
    type='WeakDCCSegmentor',
    weak_classifier=dict(
        loss_decode=dict(
            type='CrossEntropyLoss',
            avg_non_ignore=True,
            # `weakly_loss_w` of the config that CCT published
            loss_weight=0.4)))
