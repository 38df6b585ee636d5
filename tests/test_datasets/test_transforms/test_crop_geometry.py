"""Tests of ``mmseg_dcc/datasets/transforms/crop_geometry.py``."""
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_dcc.datasets.transforms.crop_geometry import feasible_offsets

TWENTIETHS = st.tuples(st.integers(0, 20), st.integers(0, 20)).map(sorted)


@st.composite
def crops(draw, largest_image=40):
    """Strategy of image size, crop size and stride."""
    stride = draw(st.sampled_from([1, 2, 3, 4, 8]))
    crop_size = tuple(stride * draw(st.integers(1, 5)) for _ in range(2))
    image_size = tuple(draw(st.integers(1, largest_image)) for _ in range(2))
    return image_size, crop_size, stride


def all_offsets(image_size, crop_size, iou_range, stride):
    """Tries every offset at every position in exact arithmetic."""
    moves = []
    for side, crop in zip(image_size, crop_size):
        places = range(max(side - crop, 0) + 1)
        moves.append([
            move for move in range(-crop + 1, crop)
            if move % stride == 0 and any(start + move in places
                                          for start in places)
        ])
    area = crop_size[0] * crop_size[1]
    offsets = set()
    for down, right in product(*moves):
        shared = (crop_size[0] - abs(down)) * (crop_size[1] - abs(right))
        if iou_range[0] <= Fraction(shared, 2 * area - shared) <= iou_range[1]:
            offsets.add((down, right))
    return offsets


@settings(max_examples=200)
@given(crops(), TWENTIETHS)
def test_offsets_equal_those_of_a_search(sizes, twentieths):
    image_size, crop_size, stride = sizes
    offsets = feasible_offsets(image_size, crop_size,
                               [n / 20 for n in twentieths], stride)
    assert offsets.shape[1] == 2
    found = set(map(tuple, offsets.tolist()))
    assert len(found) == len(offsets)
    assert found == all_offsets(image_size, crop_size,
                                [Fraction(n, 20) for n in twentieths], stride)


# products of these quotients are too large or too small by one rounding
@pytest.mark.parametrize('side, moved', [(10, 7), (16, 9), (17, 3), (22, 17)])
def test_ends_of_the_range_are_inside(side, moved):
    iou = (side - moved) / (side + moved)
    offsets = feasible_offsets((3 * side, side), (side, side), (iou, iou), 1)
    assert offsets.tolist() == [[-moved, 0], [moved, 0]]


def test_equal_crops_only():
    assert feasible_offsets((90, 90), (32, 32), (1, 1), 8).tolist() == [[0, 0]]


def test_one_position_always_overlaps():
    offsets = feasible_offsets((900, 900), (32, 24), (0, 1), 8)
    assert abs(offsets).max(0).tolist() == [24, 16]


def test_no_offset():
    assert feasible_offsets((32, 32), (32, 32), (0, 0.9), 8).shape == (0, 2)
