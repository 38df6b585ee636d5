"""Tests of ``mmseg_dcc/datasets/ccp.py``."""
from mmseg_dcc.datasets.ccp import CCPDataset


def test_classes_and_colours():
    classes, colours = (CCPDataset.METAINFO[key]
                        for key in ('classes', 'palette'))
    assert len({*classes}) == len({*map(tuple, colours)}) == len(colours)
    # black is background, white is left to ignored pixels
    assert colours[classes.index('background')] == [0, 0, 0]
    assert [255] * 3 not in colours
