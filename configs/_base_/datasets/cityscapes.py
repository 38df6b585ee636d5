# Cityscapes (2,975 training images), 1/8 labeled.
# Lists: tools/dataset_tools/make_splits.py cityscapes
_base_ = '../evaluation.py'

dataset_type = 'CityscapesDataset'
data_root = 'data/cityscapes'
crop_size = (720, 720)  # height, width
# Published: the same number of iterations for every data set and split.
epoch_length = 1157
labeled_pipeline = [
    _base_.load_image,
    _base_.load_annotations,
    dict(
        type='RandomResize',
        scale=(2048, 1024),  # width, height
        ratio_range=(0.5, 2.0),
        keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    _base_.pack_inputs,
]
labeled_dataset = dict(
    type=dataset_type,
    data_root=data_root,
    ann_file='splits/dcc/1-8_seed0_labeled.txt',
    data_prefix=dict(
        img_path='leftImg8bit/train', seg_map_path='gtFine/train'),
    pipeline=labeled_pipeline)
unlabeled_dataset = dict(
    type='UnlabeledDataset',
    data_root=data_root,
    ann_file='splits/dcc/1-8_seed0_unlabeled.txt',
    data_prefix=dict(img_path='leftImg8bit/train'),
    img_suffix='_leftImg8bit.png')
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(
            img_path='leftImg8bit/val', seg_map_path='gtFine/val'),
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
