"""Figure of a confusion matrix."""
from typing import Optional, Sequence

import numpy as np
from matplotlib.figure import Figure

_MOST_WITH_NUMBERS = 40
_LONGEST_NAME = 20
_CELL, _SMALL_CELL = 0.27, 0.13  # inches


def draw_confusion(counts: np.ndarray, classes: Sequence[str],
                   title: str) -> Figure:
    """Figure of a confusion matrix.

    Args:
        counts (np.ndarray): Numbers of pixels by true class (rows) and
            predicted class (columns), shape (n, n).
        classes (Sequence[str]): Names of the n classes.
        title (str): Title of the figure.

    Returns:
        Figure: Each row in percent of the pixels of its class. Values from
        1 % are printed (for up to 40 classes); rows without pixels are gray.
    """
    number = len(classes)
    total = counts.sum(1, keepdims=True)
    # NaN for a class without pixels
    shares = np.where(total, 100 * counts / np.maximum(total, 1), np.nan)
    cell = _CELL if number <= _MOST_WITH_NUMBERS else _SMALL_CELL
    side = max(number * cell, 2.)
    left = bottom = 1.7
    width, height = left + side + 1.2, bottom + side + 0.5
    figure = Figure((width, height))
    axes = figure.add_axes(
        (left / width, bottom / height, side / width, side / height))
    axes.set_facecolor('lightgray')
    picture = axes.imshow(
        shares, cmap='Blues', vmin=0, vmax=100, aspect='auto')
    bar = figure.add_axes(((left + side + 0.2) / width, bottom / height,
                           0.15 / width, side / height))
    figure.colorbar(picture, bar)
    names = [_label(name) for name in classes]
    axes.set_xticks(range(number), names, rotation=90)
    axes.set_yticks(range(number), names)
    for each in (axes, bar):
        each.tick_params(labelsize=6 if cell == _SMALL_CELL else 7)
    axes.set_xlabel('predicted class', fontsize=8)
    axes.set_ylabel('true class', fontsize=8)
    figure.suptitle(_label(title, None), fontsize=8, y=1 - 0.15 / height)
    if number <= _MOST_WITH_NUMBERS:
        for row, column in np.argwhere(np.nan_to_num(shares) >= 1):
            share = shares[row, column]
            axes.text(
                column, row, f'{share:.0f}', fontsize=6, ha='center',
                va='center', color='white' if share > 50 else 'black')
    return figure


def _label(name: str, longest: Optional[int] = _LONGEST_NAME) -> str:
    """Name, shortened, with ``$`` escaped for matplotlib."""
    name = str(name)
    if longest and len(name) > longest:
        name = f'{name[:longest - 1]}…'
    return name.replace('$', r'\$')
