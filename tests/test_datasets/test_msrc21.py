"""Tests of ``mmseg_dcc/datasets/msrc21.py``."""
from mmseg_dcc.apis.convert_msrc21 import IGNORED_COLOURS
from mmseg_dcc.datasets.msrc21 import MSRC21Dataset


def number_of(colour):
    """Number in the colour map of PASCAL VOC, whose bits a colour spreads."""
    return sum((value >> 7 - bit & 1) << 3 * bit + channel
               for channel, value in enumerate(colour) for bit in range(8))


def test_colours_are_those_of_the_map_in_its_order():
    """MSRC-v2 has no 19 and 20; horse, mountain and 0 are void here."""
    assert [number_of(colour) for colour in ([128, 0, 0], [64, 0, 0],
                                             [0, 64, 128])] == [1, 8, 20]
    void = {number_of(colour) for colour in IGNORED_COLOURS.values()}
    classes, palette = (MSRC21Dataset.METAINFO[key]
                        for key in ('classes', 'palette'))
    assert [*map(number_of, palette)] == sorted(
        {*range(26)} - {19, 20} - void)
    assert len({*classes}) == len(palette) == 21
