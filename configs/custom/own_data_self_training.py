# After the training with your copy of own_data.py, which labels your photos:
#   python tools/make_pseudo_masks.py configs/custom/MINE_self_training.py \
#       work_dirs/MINE/iter_4000.pth --tta
#   python tools/train.py configs/custom/MINE_self_training.py
# See docs/beyond.md.
_base_ = './own_data.py'  # your copy

pseudo_labeled_dataset = dict(
    _base_.labeled_dataset,
    part=None,
    data_prefix=dict(
        img_path=_base_.unlabeled_images,
        # written by tools/make_pseudo_masks.py
        seg_map_path='pseudo_masks'))
# equal numbers of labeled images, images with pseudo masks and, if the method
# uses them, unlabeled images
datasets = [_base_.labeled_dataset, pseudo_labeled_dataset]
if _base_.method != 'supervised':
    datasets = [*datasets, _base_.unlabeled_dataset]
batch_size = _base_.batch_size // 2 * len(datasets)
train_dataloader = dict(
    batch_size=batch_size,
    batch_sampler=dict(source_ratio=[1] * len(datasets)),
    dataset=dict(datasets=datasets))
