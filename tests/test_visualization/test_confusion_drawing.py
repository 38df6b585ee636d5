"""Tests of ``mmseg_dcc/visualization/confusion_drawing.py``."""
import io

import numpy as np
import pytest
from PIL import Image

from mmseg_dcc.visualization.confusion_drawing import draw_confusion


def texts(axes):
    return {(int(text.get_position()[1]), int(text.get_position()[0])):
            text.get_text() for text in axes.texts}


def test_rows_are_percent_of_the_true_pixels():
    counts = np.array([[30, 10, 0], [0, 0, 0], [1, 0, 199]])
    figure = draw_confusion(counts, ['a', 'b', 'c'], 'now')
    axes = figure.axes[0]
    shares = axes.images[0].get_array()
    assert shares[0].tolist() == [75, 25, 0]
    assert shares[2].tolist() == [0.5, 0, 99.5]
    # a class without pixels
    assert shares.mask[1].all()
    assert texts(axes) == {(0, 0): '75', (0, 1): '25', (2, 2): '100'}
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [*'abc']
    assert axes.get_ylabel() == 'true class'


@pytest.mark.parametrize('number', [1, 40, 150])
def test_labels_do_not_overlap(number):
    names = [f'class {i} of ${i}_$ and a name of many letters'
             for i in range(number)]
    counts = np.full((number, number), 3)
    figure = draw_confusion(counts, names, 'now')
    content = io.BytesIO()
    figure.savefig(content, dpi=100)
    width, height = Image.open(content).size
    assert max(width, height) < 2400
    axes = figure.axes[0]
    for labels, side in ((axes.get_yticklabels(), 'height'),
                         (axes.get_xticklabels(), 'width')):
        boxes = [label.get_window_extent() for label in labels]
        # distance of two labels in pixels
        distance = axes.bbox.height / number
        assert all(getattr(box, side) < distance for box in boxes)
        assert all(box.x0 >= 0 and box.y0 >= 0 for box in boxes)
    cells = [text.get_window_extent() for text in axes.texts]
    assert len(cells) == (number**2 if number == 40 else number == 1)
    assert all(box.width < distance for box in cells)
