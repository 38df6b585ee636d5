"""Tests of ``mmseg_dcc/datasets/camvid.py``."""
from mmseg_dcc.datasets.camvid import CamVidDataset


def test_classes_and_colours():
    colours = {
        'Sky': [128, 128, 128],
        'Building': [128, 0, 0],
        'Pole': [192, 192, 128],
        'Road': [128, 64, 128],
        'Pavement': [0, 0, 192],
        'Tree': [128, 128, 0],
        'SignSymbol': [192, 128, 128],
        'Fence': [64, 64, 128],
        'Car': [64, 0, 128],
        'Pedestrian': [64, 64, 0],
        'Bicyclist': [0, 128, 192],
    }
    metainfo = CamVidDataset.METAINFO
    assert list(metainfo['classes']) == list(colours)
    assert metainfo['palette'] == list(colours.values())
