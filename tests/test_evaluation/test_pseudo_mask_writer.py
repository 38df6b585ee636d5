"""Tests of ``mmseg_dcc/evaluation/pseudo_mask_writer.py``."""
import numpy as np
import pytest
import torch
from mmseg.registry import DATASETS

from mmseg_dcc.evaluation import PseudoMaskWriter


@pytest.mark.parametrize('reduce_zero_label', [False, True])
@pytest.mark.parametrize('classes', [('sky', 'tree', 'road'),
                                     ('road', 'sky')])
def test_stored_masks_load_as_they_were(tmp_path, reduce_zero_label, classes):
    """Written masks load as predicted; unsure pixels are ignored."""
    (tmp_path / 'image.jpg').touch()

    class Streets(DATASETS.get('BaseSegDataset')):
        METAINFO = dict(classes=('sky', 'tree', 'road'), palette=[[0] * 3] * 3)

    dataset = Streets(
        img_suffix='.jpg',
        data_prefix=dict(img_path=str(tmp_path), seg_map_path=str(tmp_path)),
        reduce_zero_label=reduce_zero_label,
        metainfo=dict(classes=classes),
        pipeline=[dict(type='LoadAnnotations')])
    writer = PseudoMaskWriter(confidence_threshold=0.9)
    writer.dataset_meta = dataset.metainfo
    writer.process({}, [
        dict(
            pred_sem_seg=dict(data=torch.tensor([[[0, 1, 1], [1, 0, 0]]])),
            confidence=dict(
                data=torch.tensor([[[0.95, 1., 0.89], [0.9, 0.99, 0.5]]])),
            seg_map_path=dataset.get_data_info(0)['seg_map_path'])
    ])
    assert np.array_equal(dataset[0]['gt_seg_map'],
                          [[0, 1, 255], [1, 0, 255]])
    assert writer.results == [pytest.approx(4 / 6)]
    assert writer.compute_metrics(writer.results) == dict(
        masks=1, labeled_pixels=66.67)
