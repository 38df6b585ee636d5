"""Tests of ``mask_drawing.py`` and ``curve_drawing.py``."""
import time

import numpy as np
import pytest

from mmseg_dcc.utils.mask_image import mask_colors
from mmseg_dcc.visualization.curve_drawing import draw_curves
from mmseg_dcc.visualization.mask_drawing import (
    Predicted,
    as_picture,
    draw_labeled,
    draw_prediction,
    draw_sheet,
    error_picture,
    overlay,
)

COLORS = mask_colors([[10, 20, 30], [200, 100, 0]])
IMAGE = np.full((2, 2, 3), 100, np.uint8)
MASK = np.array([[0, 1], [255, 0]], np.uint8)


def test_overlay_is_half_image_and_half_colour():
    picture = overlay(IMAGE, MASK, COLORS)
    assert picture[0].tolist() == [[55, 60, 65], [150, 100, 50]]
    assert picture[1, 0].tolist() == [100, 100, 100]  # unknown


def test_errors_are_red_and_unknown_pixels_white():
    truth = np.array([[0, 0], [0, 255]], np.uint8)
    picture = error_picture(IMAGE, MASK, truth)
    assert picture[0, 1].tolist() == picture[1, 0].tolist() == [220, 20, 20]
    assert picture[1, 1].tolist() == [255] * 3
    assert len({*picture[0, 0].tolist()}) == 1


@pytest.mark.parametrize('image, expected', [
    (np.array([[[1, 2, 3]]], np.uint8), [3, 2, 1]),
    (np.array([[7]], np.uint8), [7, 7, 7]),
    (np.array([[[1, 2, 3, 4, 5]]], np.float32), [3, 2, 1]),
    (np.array([[[1, 2]]], np.uint8), [1, 1, 1]),
    (np.array([[[300., -1., 0.]]]), [0, 0, 255]),
    (np.array([[[256, 512, 768]]], np.uint16), [3, 2, 1]),
])
def test_any_array_is_a_picture(image, expected):
    picture = as_picture(image)
    assert picture.dtype == np.uint8 and picture[0, 0].tolist() == expected


def test_truth_is_left_of_the_prediction():
    truth = np.zeros((2, 2), np.uint8)
    # truth of another size, as after resizing
    image = IMAGE.repeat(2, 0).repeat(2, 1)
    picture = np.array(draw_prediction(
        Predicted('a', image, MASK, truth), ['Straße', 'sky'], COLORS))
    np.testing.assert_array_equal(picture[:2, :2],
                                  overlay(IMAGE, truth, COLORS))
    np.testing.assert_array_equal(picture[:2, 2:],
                                  overlay(IMAGE, MASK, COLORS))
    alone = np.array(draw_prediction(
        Predicted('a', IMAGE, MASK), ['road', 'sky'], COLORS))
    assert alone.shape[1] == 2


def test_sheet_of_large_images_takes_less_than_a_second():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (1024, 2048, 3), np.uint8)
    mask = rng.integers(0, 19, (1024, 2048), np.uint8)
    rows = [Predicted('\udcff.png', image, mask, mask)] * 3
    rows.append(Predicted('b', image[:, :500], mask))
    start = time.process_time()
    sheet = draw_sheet(rows, [f'class {i}' for i in range(19)], COLORS, 'x')
    curve = {i: 1 / (i + 1) for i in range(100000)}
    figure = draw_curves({f'loss_{i}': curve for i in range(4)},
                         {'mIoU': {1: 30., 2: float('nan')}})
    figure.canvas.draw()
    assert time.process_time() - start < 1
    assert sheet.width == 4 * 240 + 18


def test_curves_of_losses_and_scores():
    figure = draw_curves(
        {'lr': {1: 0.1}, 'loss': {1: 3., 2: 2.}, 'unsup_loss_dc': {2: 1.}},
        {'mIoU': {2: 40.}, 'val_loss': {2: 9.}})
    losses, scores = figure.axes
    drawn = {line.get_label(): [*zip(*line.get_data())]
             for axes in figure.axes for line in axes.lines}
    assert drawn == {'loss': [(1, 3.), (2, 2.)], 'unsup_loss_dc': [(2, 1.)],
                     'mIoU': [(2, 40.)]}
    assert [line.get_label() for line in scores.lines] == ['mIoU']
    assert len(draw_curves({'loss': {1: 3.}}, {}).axes) == 1


def test_labels_over_image_and_crop():
    wide = np.full((2, 4, 3), 100, np.uint8), np.array(
        [[0, 0, 1, 1], [0, 0, 255, 1]], np.uint8)
    picture = np.array(draw_labeled(
        wide, (IMAGE, MASK), ['sky', 'leaf'], COLORS, 'a.jpg', side=40))
    top = 2 * 26  # title and heads of the columns
    # image, mask, crop, mask: 40 pixels each, 6 between
    assert picture.shape[1] == 4 * 40 + 3 * 6
    assert picture[top, 0].tolist() == [100] * 3
    assert picture[top, 46].tolist() == [55, 60, 65]  # sky
    assert picture[top, 85].tolist() == [150, 100, 50]  # leaf
    assert picture[top + 15, 68].tolist() == [100] * 3  # unknown
    assert picture[top + 25, 46].tolist() == [255] * 3  # below
    assert picture[top + 30, 138].tolist() == [100] * 3
    assert picture[top + 30, 160].tolist() == [55, 60, 65]


def test_ids_without_a_class_are_in_the_legend(monkeypatch):
    named = []
    monkeypatch.setattr(
        'mmseg_dcc.visualization.mask_drawing._printable',
        lambda text: named.append(text) or text)
    mask = np.array([[0, 1], [7, 255]], np.uint8)
    draw_labeled((IMAGE, mask), (IMAGE, MASK), ['sky', 'leaf'], COLORS, 'a')
    assert named[-4:] == ['0 sky', '1 leaf', '7: no class', '255: ignored']
