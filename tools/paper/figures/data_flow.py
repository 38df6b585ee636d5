"""The picture of docs/index.md: the way of the images through a training.

Example:
    python tools/paper/figures/data_flow.py --out docs/data_flow.png
"""
import argparse
from pathlib import Path
from typing import Dict, NamedTuple, Optional, Sequence, Tuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

FILES, DATA, MODEL, TEACHER, RESULT = ('#e8e8e8', '#cfe2f3', '#d9ead3',
                                       '#fff2cc', '#f4cccc')


class Box(NamedTuple):
    """A box of the picture; lengths in inches.

    Args:
        center (tuple[float, float]): Of the box.
        size (tuple[float, float]): Width and height.
        color (str): Of its area.
        title (str): In bold.
        text (str): Below the title; lines end with a line break.
    """

    center: Tuple[float, float]
    size: Tuple[float, float]
    color: str
    title: str
    text: str = ''


SIZE = 12.6, 4.2
FRAME = Box((8.3, 2.72), (3.9, 2.7), 'white', 'SemiEncoderDecoder')
BOXES: Dict[str, Box] = {
    'labeled': Box((0.9, 3.1), (1.5, 0.65), FILES, 'few images',
                   'with masks'),
    'photos': Box((0.9, 1.0), (1.5, 0.65), FILES, 'many photos',
                  'any folder, no masks'),
    'labeled set': Box((2.95, 3.1), (1.9, 0.65), DATA, 'stock data set',
                       'stock pipeline'),
    'unlabeled set': Box((2.95, 1.0), (1.9, 1.05), DATA, 'UnlabeledDataset',
                         'MultiView: weak, strong1, ...\n'
                         'of one or two windows\nPackViews'),
    'batch': Box((5.1, 2.05), (1.8, 1.25), DATA, 'batch',
                 'MultiSourceBatchSampler:\nB labeled + U unlabeled\n'
                 'SemiSegDataPreProcessor:\nnormalise, pad'),
    'loss': Box((8.3, 3.2), (3.5, 0.65), MODEL, 'stock loss',
                'backbone, neck and heads of any EncoderDecoder'),
    'seen': Box((7.35, 2.05), (1.6, 0.9), MODEL, 'SemiBatch',
                'views, features, scores:\ncomputed once'),
    'terms': Box((9.3, 2.05), (1.5, 1.1), MODEL, 'terms',
                 'DirectionalContrast,\nPseudoLabels, ...:\n'
                 'one file per method'),
    'teacher': Box((7.35, 0.6), (1.6, 0.9), TEACHER, 'teacher',
                   'MeanTeacherHook:\naverage of the weights'),
    'total': Box((11.4, 2.85), (1.9, 1.05), RESULT, 'total loss',
                 'sup_weight * stock\n+ weight * each term\none backward'),
    'model': Box((11.4, 1.0), (1.9, 1.05), RESULT, 'stock model',
                 'publish_model.py:\nstock config and weights,\n'
                 'no terms'),
}
ARROWS = (('labeled', 'labeled set'), ('photos', 'unlabeled set'),
          ('labeled set', 'batch'), ('unlabeled set', 'batch'),
          ('batch', 'loss'), ('batch', 'seen'), ('seen', 'terms'),
          ('teacher', 'seen'), ('loss', 'total'), ('terms', 'total'),
          ('total', 'model'))


def draw() -> Figure:
    """Draws the boxes and the arrows between them."""
    figure = Figure(SIZE)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, SIZE[0]), ylim=(0, SIZE[1]))
    axes.axis('off')
    draw_box(axes, FRAME, zorder=0)
    for box in BOXES.values():
        draw_box(axes, box, zorder=2)
    for start, end in ARROWS:
        draw_arrow(axes, BOXES[start], BOXES[end])
    return figure


def draw_box(axes: Axes, box: Box, zorder: int) -> None:
    """Draws a box with its title on top of it.

    Args:
        axes (Axes): In inches.
        box (Box): To be drawn.
        zorder (int): Higher ones hide lower ones.
    """
    (x, y), (width, height) = box.center, box.size
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle='round,pad=0,rounding_size=0.08',
            facecolor=box.color,
            edgecolor='0.4',
            zorder=zorder))
    top = y + height / 2 - 0.1
    axes.text(
        x, top, box.title, ha='center', va='top', weight='bold', fontsize=10)
    axes.text(
        x, top - 0.25, box.text, ha='center', va='top', fontsize=8,
        linespacing=1.4)


def draw_arrow(axes: Axes, start: Box, end: Box) -> None:
    """Draws an arrow from the edge of a box to the edge of another.

    Args:
        axes (Axes): In inches.
        start (Box): Where it begins.
        end (Box): Where it points to.
    """
    across = abs(end.center[0] - start.center[0]) > (
        start.size[0] + end.size[0]) / 2
    axes.add_patch(
        FancyArrowPatch(
            _edge(start, end, across),
            _edge(end, start, across),
            arrowstyle='-|>',
            mutation_scale=12,
            color='0.25',
            zorder=3))


def _edge(box: Box, other: Box, across: bool) -> Tuple[float, float]:
    """The middle of the side that looks at the other box."""
    axis = 0 if across else 1
    point = [*box.center]
    sign = 1 if other.center[axis] > box.center[axis] else -1
    point[axis] += sign * box.size[axis] / 2
    return tuple(point)


def main(argv: Optional[Sequence[str]] = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--out', type=Path, required=True, help='path of the picture')
    args = parser.parse_args(argv)
    draw().savefig(args.out, dpi=110)


if __name__ == '__main__':
    main()
