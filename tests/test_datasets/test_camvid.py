"""Tests of ``mmseg_dcc/datasets/camvid.py``."""
from mmseg_dcc.datasets.camvid import CamVidDataset


def test_each_class_has_a_colour_of_its_own():
    classes, palette = (CamVidDataset.METAINFO[key]
                        for key in ('classes', 'palette'))
    assert len({*classes}) == len({*map(tuple, palette)}) == 11
    assert len(palette) == len(classes)
    # CamVid has four levels; black is its void
    assert {level for colour in palette
            for level in colour} == {0, 64, 128, 192}
    assert [0, 0, 0] not in palette
