# Table 5: the decoders are also trained on weak masks; docs/weak_labels.md
# shows how to make them.
_base_ = './pspnet_r50_voc_1464_semi.py'
# `weakly_loss_w` of the config of CCT, which ramps up with the weight
model = dict(terms=dict(cct=dict(weak_weight=0.4)))
unlabeled_dataset = dict(
    _base_.unlabeled_dataset,
    data_prefix=dict(
        img_path='JPEGImages', weak_seg_map_path='SegmentationWeakR50'))
train_dataloader = dict(
    dataset=dict(datasets=[_base_.labeled_dataset, unlabeled_dataset]))
