"""Tests of ``mmseg_dcc/structures/view_info.py``."""
import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_dcc.structures import ViewInfo

FLIPS = (None, 'horizontal', 'vertical', 'diagonal')
NUMPY_AXES = {
    None: (),
    'horizontal': (1, ),
    'vertical': (0, ),
    'diagonal': (0, 1)
}
PADDING = -1
EXAMPLES = settings(max_examples=150)


def seen(info, image):
    """View computed by loops; ``image`` (H, W), ``PADDING`` beyond it."""
    top, left, bottom, right = info.window
    view = np.full((bottom - top, right - left), PADDING)
    for row in range(bottom - top):
        for column in range(right - left):
            if (top + row < image.shape[0] and left + column < image.shape[1]):
                view[row, column] = image[top + row, left + column]
    return np.flip(view, NUMPY_AXES[info.flip]).copy()


@st.composite
def images(draw):
    """Strategy of images with unique pixels."""
    height, width = draw(st.integers(1, 14)), draw(st.integers(1, 14))
    return np.arange(height * width).reshape(height, width)


@st.composite
def views_of(draw, image, size=None):
    """Strategy of views of an image, padded where it is smaller."""
    size = size or [draw(st.integers(1, 12)) for _ in range(2)]
    corner = [
        draw(st.integers(0, max(whole - side, 0)))
        for whole, side in zip(image.shape, size)
    ]
    return ViewInfo(
        (*corner, corner[0] + size[0], corner[1] + size[1]),
        (0, 0, *(min(pair) for pair in zip(image.shape, size))),
        draw(st.sampled_from(FLIPS)))


def cut(array, box):
    top, left, bottom, right = box
    return array[..., top:bottom, left:right]


@EXAMPLES
@given(images(), st.data())
def test_upright_and_valid_mask(image, data):
    info = data.draw(views_of(image))
    view = seen(info, image)
    assert info.size == view.shape
    upright = info.upright(torch.from_numpy(view)[None])
    np.testing.assert_array_equal(
        upright[0], seen(info.flipped(info.flip), image))
    np.testing.assert_array_equal(info.upright(upright)[0], view)
    np.testing.assert_array_equal(info.valid_mask(), view != PADDING)
    np.testing.assert_array_equal(
        cut(upright[0], info.valid), upright[0][upright[0] != PADDING].view(
            info.valid[2], info.valid[3]))


@pytest.mark.parametrize('second', FLIPS)
@pytest.mark.parametrize('first', FLIPS)
def test_flips_are_composed(first, second):
    view = np.arange(6).reshape(2, 3)
    info = ViewInfo((0, 0, 2, 3), (0, 0, 2, 3)).flipped(first).flipped(second)
    for flip in (first, second):
        view = np.flip(view, NUMPY_AXES[flip])
    np.testing.assert_array_equal(
        info.upright(torch.from_numpy(view.copy())),
        np.arange(6).reshape(2, 3))


@EXAMPLES
@given(images(), st.data())
def test_flipped_box_holds_the_same_pixels(image, data):
    info = data.draw(views_of(image))
    top, left = (data.draw(st.integers(0, side)) for side in info.size)
    box = (top, left, data.draw(st.integers(top, info.size[0])),
           data.draw(st.integers(left, info.size[1])))
    painted = torch.zeros(info.size, dtype=torch.bool)
    cut(painted, box)[:] = True
    painted_there = torch.zeros(info.size, dtype=torch.bool)
    cut(painted_there, info.flip_box(box))[:] = True
    assert torch.equal(info.upright(painted), painted_there)
    assert info.flip_box(info.flip_box(box)) == box


@EXAMPLES
@given(images(), st.data())
def test_shared_boxes_hold_the_pixels_that_both_show(image, data):
    first, second = (data.draw(views_of(image)) for _ in range(2))
    parts = [
        cut(info.upright(torch.from_numpy(seen(info, image))), box)
        for info, box in zip((first, second), first.shared(second))
    ]
    assert torch.equal(*parts)
    shown = set(parts[0].flatten().tolist())
    assert PADDING not in shown
    both = (
        set(seen(first, image).ravel()) & set(seen(second, image).ravel()))
    assert shown == both - {PADDING}
    assert second.shared(first) == first.shared(second)[::-1]


@EXAMPLES
@given(images(), st.data())
def test_moved_map_is_what_the_other_view_sees(image, data):
    first, second = (data.draw(views_of(image)) for _ in range(2))
    values = {pixel: 7 * pixel + 3 for pixel in range(image.size)}
    view = seen(first, image)
    maps = np.vectorize(lambda pixel: values.get(pixel, -5))(view)
    expected = np.vectorize(lambda pixel: values[pixel] if pixel in view and
                            pixel != PADDING else -9)(seen(second, image))
    moved = first.move(torch.from_numpy(maps)[None], second, -9)
    np.testing.assert_array_equal(moved[0], expected)


@EXAMPLES
@given(st.sampled_from([1, 2, 4]), st.data())
def test_cut_takes_the_positions_that_lie_wholly_inside(distance, data):
    shape = [data.draw(st.integers(1, 5)) for _ in range(2)]
    height, width = (distance * side for side in shape)
    info = ViewInfo((3, 5, 3 + height, 5 + width), (0, 0, height, width))
    top, left = (distance * data.draw(st.integers(0, side)) for side in shape)
    box = (top, left, data.draw(st.integers(top, height)),
           data.draw(st.integers(left, width)))
    maps = np.arange(shape[0] * shape[1]).reshape(shape)
    inside = np.zeros((height, width), bool)
    cut(inside, box)[:] = True
    wanted = [
        maps[row, column] for row in range(shape[0])
        for column in range(shape[1])
        if cut(inside, (row * distance, column * distance,
                        (row + 1) * distance, (column + 1) * distance)).all()
    ]
    found = info.cut(torch.from_numpy(maps)[None], box)
    assert found.flatten().tolist() == wanted


def rounded_boxes(corners, image_size, crop_size, stride):
    """Overlap in both crops, rounded to the stride (former method)."""
    boxes = []
    for own, other in (corners, corners[::-1]):
        start, extent = [], []
        for axis in range(2):
            start.append(max(own[axis], other[axis]) - own[axis])
            without_padding = min(image_size[axis], crop_size[axis])
            extent.append(without_padding // stride * stride -
                          abs(own[axis] - other[axis]))
        boxes.append((*start, start[0] + extent[0], start[1] + extent[1]))
    return boxes


@EXAMPLES
@given(st.sampled_from([1, 2, 4, 8]), st.sampled_from([1, 2, 3]), st.data())
def test_positions_are_those_of_boxes_rounded_to_the_stride(
        stride, coarser, data):
    distance = stride * coarser
    crop_size = [distance * data.draw(st.integers(1, 4)) for _ in range(2)]
    image_size = [data.draw(st.integers(1, 60)) for _ in range(2)]
    corners = [[], []]
    for whole, crop in zip(image_size, crop_size):
        room = max(whole - crop, 0)
        # Like PairedRandomCrop: at least one position overlaps.
        reach = min(room, crop - distance) // distance
        move = distance * data.draw(st.integers(-reach, reach))
        start = data.draw(
            st.integers(max(-move, 0), room - max(move, 0)))
        corners[0].append(start)
        corners[1].append(start + move)
    infos = [
        ViewInfo((*corner, corner[0] + crop_size[0],
                  corner[1] + crop_size[1]),
                 (0, 0, *map(min, zip(image_size, crop_size))))
        for corner in corners
    ]
    shape = [side // distance for side in crop_size]
    maps = torch.arange(shape[0] * shape[1]).view(shape)
    before = rounded_boxes(corners, image_size, crop_size, stride)
    for info, box, old in zip(infos, infos[0].shared(infos[1]), before):
        wanted = maps[old[0] // distance:max(old[2], 0) // distance,
                      old[1] // distance:max(old[3], 0) // distance]
        assert info.cut(maps, box).flatten().tolist() == (
            wanted.flatten().tolist())
        without_padding = maps[:info.valid[2] // stride * stride // distance,
                               :info.valid[3] // stride * stride // distance]
        assert torch.equal(info.cut(maps, info.valid), without_padding)


def test_box_between_positions_is_refused():
    info = ViewInfo((0, 0, 32, 32), (0, 0, 32, 32))
    with pytest.raises(ValueError, match=r'multiple of 8 px.*stride=8'):
        info.cut(torch.zeros(4, 4), (0, 4, 32, 32))


def test_views_without_overlap_share_nothing():
    first = ViewInfo((0, 0, 4, 4), (0, 0, 4, 4))
    second = ViewInfo((4, 0, 8, 4), (0, 0, 4, 4))
    assert first.shared(second) == ((0, 0, 0, 0), (0, 0, 0, 0))


def test_unknown_direction_is_refused():
    info = ViewInfo((0, 0, 4, 4), (0, 0, 4, 4))
    message = "'left'.*direction of RandomFlip"
    with pytest.raises(ValueError, match=message):
        info.flipped('left')
    with pytest.raises(ValueError, match=message):
        ViewInfo(info.window, info.valid, 'left')


def test_copies_and_pickles_are_equal():
    info = ViewInfo((0, 1, 4, 5), (0, 0, 3, 4), 'vertical')
    assert copy.deepcopy(info) == info
    assert pickle.loads(pickle.dumps(info)) == info
