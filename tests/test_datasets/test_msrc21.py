"""Tests of ``mmseg_dcc/datasets/msrc21.py``."""
from mmseg_dcc.datasets.msrc21 import MSRC21Dataset


def test_classes_have_the_colours_of_msrc_v2():
    colours = {
        'building': [128, 0, 0],
        'grass': [0, 128, 0],
        'tree': [128, 128, 0],
        'cow': [0, 0, 128],
        'sheep': [0, 128, 128],
        'sky': [128, 128, 128],
        'aeroplane': [192, 0, 0],
        'water': [64, 128, 0],
        'face': [192, 128, 0],
        'car': [64, 0, 128],
        'bicycle': [192, 0, 128],
        'flower': [64, 128, 128],
        'sign': [192, 128, 128],
        'bird': [0, 64, 0],
        'book': [128, 64, 0],
        'chair': [0, 192, 0],
        'road': [128, 64, 128],
        'cat': [0, 192, 128],
        'dog': [128, 192, 128],
        'body': [64, 64, 0],
        'boat': [192, 64, 0],
    }
    metainfo = MSRC21Dataset.METAINFO
    assert list(metainfo['classes']) == list(colours)
    assert metainfo['palette'] == list(colours.values())
