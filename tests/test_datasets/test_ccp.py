"""Tests of ``mmseg_dcc/datasets/ccp.py``."""
from mmseg_dcc.datasets.ccp import CCPDataset


def test_classes_and_colours():
    classes, colours = (CCPDataset.METAINFO[key]
                        for key in ('classes', 'palette'))
    assert classes == ('background', 'hair', 'skin', 'top', 'outer', 'dress',
                       'skirt', 'trousers', 'legwear', 'shoes', 'bag',
                       'accessory')
    assert len({*map(tuple, colours)}) == len(classes)
    # black is background, white is left to ignored pixels
    assert colours[0] == [0, 0, 0] and [255] * 3 not in colours
