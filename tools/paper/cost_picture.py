"""Picture of mIoU over cost: above the curve, unlabeled images pay off."""
from pathlib import Path
from typing import Sequence

from matplotlib.figure import Figure

MARKERS = 'osD^vP*X'  # methods may have one cost and hide each other


def draw_costs(title: str, lines: Sequence, path: Path) -> None:
    """Draws the lines of a cost table.

    Supervised training of growing length is a curve, training with all labels
    a dashed line. Each method is a point with its spread, its control a
    hollow point.

    Args:
        title (str): Title of the picture.
        lines (Sequence[Line]): Lines of ``cost_table.py``. Those without a
            score or a cost are left out.
        path (Path): File of the picture.
    """
    lines = [line for line in lines if line.scores and line.cost.passes]
    figure = Figure((7, 4), layout='constrained')
    figure.suptitle(title, fontsize='medium')
    axes = figure.subplots()
    curve = [line for line in lines if line.kind == 'supervised']
    _points(axes, curve, 'supervised', fmt='.-', color='0.35')
    methods = [line for line in lines if line.kind == 'method']
    for index, line in enumerate(methods):
        style = dict(
            fmt=MARKERS[index % len(MARKERS)], color=f'C{index}', zorder=3)
        _points(axes, [line], line.label, **style)
        control = [
            other for other in lines if other.name == f'{line.name}-control'
        ]
        _points(axes, control, None, mfc='white', **style)
    if any(line.kind == 'control' for line in lines):
        axes.plot([], [], 'o', color='0.35', mfc='white',
                  label='with all weights 0')
    for line in lines:
        if line.kind == 'all labels':
            axes.axhline(
                line.mean, color='0.6', linestyle='--', label=line.label)
    axes.set(
        xlabel='cost: forward-backward passes of an image', ylabel='mIoU (%)')
    axes.xaxis.set_major_formatter('{x:,.0f}')
    axes.grid(alpha=0.3)
    if lines:
        axes.legend(loc='center left', bbox_to_anchor=(1, 0.5), frameon=False)
    figure.savefig(path, dpi=150)


def _points(axes, lines: Sequence, label, **style) -> None:
    if lines:
        axes.errorbar([line.cost.passes for line in lines],
                      [line.mean for line in lines],
                      [line.std for line in lines],
                      label=label,
                      capsize=2,
                      **style)
