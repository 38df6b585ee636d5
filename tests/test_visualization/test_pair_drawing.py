"""Tests of ``mmseg_dcc/visualization/pair_drawing.py``.

tests/test_apis/test_browse_pairs.py tests ``draw_views`` on real views.
"""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from mmengine.visualization.utils import img_from_canvas

from mmseg_dcc.visualization import box_iou, draw_predicted_pair

CLASSES = ('background', 'car', 'person')
PALETTE = [[0, 0, 0], [255, 0, 0], [0, 0, 255]]


def boxes(height, width):
    """Strategy of boxes of at least one pixel."""
    rows, columns = (
        st.lists(st.integers(0, side), min_size=2, max_size=2, unique=True)
        for side in (height, width))
    return st.tuples(rows, columns).map(lambda pair: (min(pair[0]), min(
        pair[1]), max(pair[0]), max(pair[1])))


def painted(box, size):
    canvas = np.zeros(size, bool)
    top, left, bottom, right = box
    canvas[top:bottom, left:right] = True
    return canvas


@given(boxes(9, 14), boxes(9, 14))
def test_iou_counts_pixels(first, second):
    one, other = painted(first, (9, 14)), painted(second, (9, 14))
    assert box_iou(first, second) == pytest.approx(
        (one & other).sum() / (one | other).sum())


# Two white crops of 32 x 32, positions of 8 x 8, an overlap of 2 x 3 of them.
BOXES = ((16, 8, 32, 32), (0, 0, 16, 24))
ACTIVE = np.array([[[1, 0, 0], [0, 1, 0]], [[0, 0, 1], [0, 0, 0]]], bool)


def predicted_figure(**kwargs):
    settings = dict(
        crops=np.full((2, 32, 32, 3), 255, np.uint8),
        labels=np.array([np.eye(4), np.zeros((4, 4))], int),
        active=ACTIVE,
        overlap_boxes=BOXES,
        classes=CLASSES,
        palette=PALETTE,
        title='a.jpg')
    return draw_predicted_pair(**{**settings, **kwargs})


def seen(figure, canvas_image, column, number, row_px, column_px):
    """Colour of the picture at a pixel of a crop."""
    axes = figure.axes[3 * number + column]
    x, y = axes.transData.transform((column_px, row_px))
    return canvas_image[canvas_image.shape[0] - int(y) - 1, int(x)] / 255


def test_predicted_pair_shows_each_position_in_its_colour():
    figure = predicted_figure()
    image = img_from_canvas(FigureCanvasAgg(figure))
    for number, (top, left, *_) in enumerate(BOXES):
        for row in range(2):
            for column in range(3):
                color = np.ones(3)
                for side, name in enumerate(('tab:orange', 'tab:cyan')):
                    if ACTIVE[side, row, column]:
                        color = 0.4 + 0.6 * np.array(to_rgb(name))
                shown = seen(figure, image, 2, number, top + 8 * row + 4,
                             left + 8 * column + 4)
                np.testing.assert_allclose(shown, color, atol=0.02)
        for row in range(4):
            for column in range(4):
                label = int(number == 0 and row == column)
                color = 0.4 + 0.6 * np.array(PALETTE[label]) / 255
                shown = seen(figure, image, 1, number, 8 * row + 2,
                             8 * column + 2)
                np.testing.assert_allclose(shown, color, atol=0.02)


def test_predicted_pair_outlines_the_overlap_in_all_panels():
    figure = predicted_figure()
    assert len(figure.axes) == 6
    for index, axes in enumerate(figure.axes):
        top, left, bottom, right = BOXES[index // 3]
        rectangle, = axes.patches
        assert rectangle.get_bbox().bounds == (left - 0.5, top - 0.5,
                                               right - left, bottom - top)
        # the axes show the whole crop
        assert axes.get_xlim() == (-0.5, 31.5)
        assert axes.get_ylim() == (31.5, -0.5)


def test_legend_of_a_predicted_pair():
    legend, = predicted_figure().legends
    assert [text.get_text() for text in legend.get_texts()] == [
        'crop 1 is pulled: 33%', 'crop 2 is pulled: 17%',
        'neither is pulled: 50%', 'background', 'car'
    ]


def test_both_sides_pulled_is_a_mixture():
    figure = predicted_figure(active=np.ones((2, 2, 3), bool))
    image = img_from_canvas(FigureCanvasAgg(figure))
    color = (np.array(to_rgb('tab:orange')) + to_rgb('tab:cyan')) / 2
    np.testing.assert_allclose(
        seen(figure, image, 2, 0, 20, 12), 0.4 + 0.6 * color, atol=0.02)


def test_overlap_that_ends_between_positions():
    """Overlap of a padded crop; whole positions are drawn."""
    longer = [(top, left, bottom + 5, right + 7)
              for top, left, bottom, right in BOXES]
    for found, expected in zip(
            predicted_figure(overlap_boxes=longer).axes,
            predicted_figure().axes):
        assert [part.get_bbox().bounds for part in found.patches
                ] == [part.get_bbox().bounds for part in expected.patches]
        assert [image.get_extent() for image in found.images
                ] == [image.get_extent() for image in expected.images]
