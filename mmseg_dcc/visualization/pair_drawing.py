"""Figures of views: output of the pipeline and predictions of the model."""
from typing import Dict, Sequence, Tuple

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from ..structures import ViewInfo

Box = Tuple[int, int, int, int]

COLORS = ('tab:orange', 'tab:cyan')  # of window 1 and window 2


def box_iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes (top, left, bottom, right)."""
    boxes = np.array([first, second])
    sides = boxes.min(0)[2:] - boxes.max(0)[:2]
    shared = max(sides[0], 0) * max(sides[1], 0)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return float(shared / (areas.sum() - shared))


def draw_views(image: np.ndarray, views: Dict[str, Tuple[np.ndarray,
                                                         ViewInfo]],
               title: str) -> Figure:
    """Figure of an image with its windows, and of the views.

    Args:
        image (np.ndarray): Image from which the windows are cut, RGB, uint8.
        views (dict[str, tuple]): View as the model gets it, RGB, shape
            (H, W, 3), and its :class:`ViewInfo`, by name.
        title (str): Title of the figure.

    Returns:
        Figure: A panel for the image and one for each view, with the outline
        of the overlap.
    """
    windows = [*dict.fromkeys(info.window for _, info in views.values())]
    figure = Figure((4 * (1 + len(views)), 4.6), layout='constrained')
    whole, *singles = figure.subplots(1, 1 + len(views))
    whole.imshow(image)
    whole.set_title(f'{image.shape[1]} x {image.shape[0]} after resizing, '
                    f'IoU {box_iou(windows[0], windows[-1]):.2f}')
    bottom, right = np.max([image.shape[:2], *(box[2:] for box in windows)],
                           axis=0)
    whole.set(xlim=(0, right), ylim=(bottom, 0))
    for number, (window, color) in enumerate(zip(windows, COLORS)):
        _outline(whole, window, color, str(number + 1))
    for axes, (name, (view, info)) in zip(singles, views.items()):
        axes.imshow(view)
        axes.set_title(f'{name}, ' +
                       (f'flipped: {info.flip}' if info.flip else
                        'not flipped'))
        # The whole view if all views have the same window.
        other = next((other for _, other in views.values()
                      if other.window != info.window), info)
        _outline(axes, info.flip_box(info.shared(other)[0]), 'white',
                 'overlap')
        _frame(axes, COLORS[windows.index(info.window)])
    _without_ticks(figure)
    figure.suptitle(title)
    return figure


def draw_predicted_pair(crops: np.ndarray, labels: np.ndarray,
                        active: np.ndarray, overlap_boxes: Sequence[Box],
                        classes: Sequence[str], palette: Sequence,
                        title: str) -> Figure:
    """Figure of a crop pair: predictions and the direction of the loss.

    Args:
        crops (np.ndarray): Crops with their flips undone, shape
            (2, H, W, 3), RGB.
        labels (np.ndarray): Their pseudo labels, shape (2, h, w).
        active (np.ndarray): Positions of the overlap at which the features
            of crop 1 and of crop 2 are pulled, boolean, shape
            (2, rows, columns).
        overlap_boxes (Sequence[tuple]): Overlap in crop 1 and in crop 2,
            (top, left, bottom, right) in pixels.
        classes (Sequence[str]): Names of the classes.
        palette (Sequence): [red, green, blue] of each class.
        title (str): Title of the figure.

    Returns:
        Figure: A row of three panels for each crop, a legend below.
    """
    figure = Figure(figsize=(10.5, 8), layout='constrained')
    colors = np.array(palette, float)[:, :3] / 255
    directions = np.zeros((*active.shape[1:], 4))
    for mask, color in zip(active, COLORS):
        # Added up: without `directional` both crops can be pulled.
        directions[mask] += to_rgba(color)
    directions /= np.maximum(directions[..., 3:], 1)
    # Only whole positions are drawn: the overlap may be a little larger.
    distance = crops.shape[2] // labels.shape[2]
    height, width = (distance * side for side in active.shape[1:])
    for number, (row, (top, left, *_)) in enumerate(
            zip(figure.subplots(2, 3), overlap_boxes)):
        box = top, left, top + height, left + width
        grey = crops[number].mean(-1)
        row[0].imshow(crops[number])
        row[0].set_title(f'crop {number + 1}')
        for axes, title_ in zip(row[1:], ('prediction', 'direction')):
            axes.imshow(grey, cmap='gray', vmin=0, vmax=255)
            axes.set_title(title_)
        _overlay(row[1], colors[labels[number]],
                 (0, 0, *crops[number].shape[:2]))
        _overlay(row[2], directions, box)
        for axes in row:
            # An overlay changes the limits of the axes.
            axes.set(xlim=row[0].get_xlim(), ylim=row[0].get_ylim())
            _outline(axes, box, 'white', 'overlap' if axes is row[0] else '')
            _frame(axes, COLORS[number])
    _without_ticks(figure)
    shares = (*active.mean((1, 2)), 1 - active.any(0).mean())
    patches = [
        Patch(facecolor=color, label=f'{side} is pulled: {share:.0%}')
        for color, side, share in zip((*COLORS, 'none'), (
            'crop 1', 'crop 2', 'neither'), shares)
    ]
    patches += [
        Patch(facecolor=colors[label], label=classes[label])
        for label in np.unique(labels)
    ]
    for patch in patches:
        patch.set_edgecolor('black')
    figure.legend(loc='outside lower center', ncols=4, handles=patches)
    figure.suptitle(title)
    return figure


def _overlay(axes: Axes, colors: np.ndarray, box: Box) -> None:
    top, left, bottom, right = box
    # Pixels are centred on whole numbers.
    axes.imshow(
        colors,
        alpha=0.6 * (colors[..., 3] if colors.shape[-1] == 4 else 1),
        extent=(left - 0.5, right - 0.5, bottom - 0.5, top - 0.5),
        interpolation='nearest')


def _outline(axes: Axes, box: Box, color: str, label: str) -> None:
    top, left, bottom, right = box
    # Legible on light and dark pictures.
    shadow = [patheffects.withStroke(linewidth=4, foreground='black')]
    # Pixels are centred on whole numbers.
    axes.add_patch(
        Rectangle((left - 0.5, top - 0.5),
                  right - left,
                  bottom - top,
                  fill=False,
                  edgecolor=color,
                  linewidth=2,
                  path_effects=shadow,
                  # Not clipped, and above the frame, at the border.
                  clip_on=False,
                  zorder=3))
    axes.text(
        left,
        top,
        f' {label}',
        color=color,
        va='top',
        weight='bold',
        path_effects=shadow)


def _frame(axes: Axes, color: str) -> None:
    for spine in axes.spines.values():
        spine.set(color=color, linewidth=3)


def _without_ticks(figure: Figure) -> None:
    for axes in figure.axes:
        axes.set(xticks=[], yticks=[])
