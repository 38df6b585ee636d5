"""Config and checkpoint of a tiny network, and nested images."""
import numpy as np
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from PIL import Image

from . import tiny_models

CLASSES = ['sky', 'tree', 'road']
PALETTE = [[10, 20, 200], [10, 200, 20], [120, 110, 100]]


def write_images(folder, names, size=(20, 28)):
    """Images of random blocks; those with a folder ``masks`` have masks."""
    rng = np.random.default_rng(0)
    for name in names:
        path = folder / 'images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (*size, 3), np.uint8)).save(path)
        mask = (folder / 'masks' / name).with_suffix('.png')
        mask.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 3, size, np.uint8)).save(mask)


def write_model(folder, config_in_checkpoint=False, **settings):
    """Returns the paths of the config and of the checkpoint."""
    load = dict(type='LoadImageFromFile')
    config = Config(dict(
        default_scope='mmseg',
        model=dict(
            tiny_models.SINGLE,
            type='EncoderDecoder',
            data_preprocessor=dict(
                type='SegDataPreProcessor',
                mean=[120., 110., 100.],
                std=[60., 55., 50.],
                bgr_to_rgb=True),
            test_cfg=dict(mode='whole')),
        visualizer=dict(
            type='SegLocalVisualizer', name=str(folder),
            vis_backends=[dict(type='LocalVisBackend')]),
        test_cfg=dict(type='TestLoop'),
        test_evaluator=dict(type='IoUMetric', iou_metrics=['mIoU']),
        test_dataloader=dict(
            batch_size=1,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dict(
                type='FolderSegDataset',
                data_root=str(folder),
                data_prefix=dict(img_path='images', seg_map_path='masks'),
                metainfo=dict(classes=CLASSES, palette=PALETTE),
                pipeline=[
                    load,
                    dict(type='Resize', scale=(40, 40), keep_ratio=True),
                    dict(type='LoadAnnotations'),
                    dict(type='PackSegInputs')
                ]))))
    config.merge_from_dict(settings)
    torch.manual_seed(0)
    model = tiny_models.settle(MODELS.build(config.model))
    meta = dict(dataset_meta=dict(classes=CLASSES, palette=PALETTE))
    if config_in_checkpoint:
        meta['cfg'] = config.pretty_text
    config.dump(str(folder / 'model.py'))
    torch.save(
        dict(state_dict=model.state_dict(), meta=meta), folder / 'model.pth')
    return folder / 'model.py', folder / 'model.pth'
