# Fragment that adds image-level labels (Sec. 3.5) to a DCC config: `model =
# _base_.weak_labels_model`. The config that uses it sets the folder of the
# weak masks: data_prefix.weak_seg_map_path of the unlabeled dataset.
weak_labels_model = dict(
    terms=dict(
        weak=dict(
            type='WeakLabels',
            views=('a', 'b'),
            classifier=dict(
                loss_decode=dict(
                    type='CrossEntropyLoss',
                    avg_non_ignore=True,
                    # `weakly_loss_w` of the published config of CCT
                    loss_weight=0.4)))))
