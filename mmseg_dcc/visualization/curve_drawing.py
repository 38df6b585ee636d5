"""Figure of learning curves: losses and validation scores."""
from typing import Dict

from matplotlib.axes import Axes
from matplotlib.figure import Figure

_MAX_POINTS = 1000
_MAX_CURVES = 10  # number of distinct colours
_FIRST = ('loss', 'mIoU')


def draw_curves(training: Dict[str, Dict[int, float]],
                validation: Dict[str, Dict[int, float]]) -> Figure:
    """Figure of the learning curves of a training.

    Args:
        training (dict[str, dict[int, float]]): Values of the training log by
            name and iteration. Names that contain ``loss`` are drawn.
        validation (dict[str, dict[int, float]]): Values of the validations
            in percent, by name and iteration. Names without ``loss`` are
            drawn.

    Returns:
        Figure: A panel of the losses, and one of the scores below it if
        there are any.
    """
    losses = {key: curve for key, curve in training.items() if 'loss' in key}
    scores = {
        key: curve for key, curve in validation.items() if 'loss' not in key}
    panels = [panel for panel in ((losses, 'loss', ''),
                                  (scores, 'validation (%)', '.')) if panel[0]]
    figure = Figure((8, 3 * max(len(panels), 1)))
    figure.subplots_adjust(left=0.09, right=0.72, top=0.97, bottom=0.09)
    for axes, panel in zip(
            figure.subplots(
                max(len(panels), 1), sharex=True, squeeze=False).flat,
            panels):
        _draw(axes, *panel)
    figure.axes[-1].set_xlabel('iteration')
    return figure


def _draw(axes: Axes, curves: dict, label: str, marker: str) -> None:
    # First the total loss and mIoU, which matter most.
    names = sorted(curves, key=lambda name: name not in _FIRST)
    for name in names[:_MAX_CURVES]:
        points = [*curves[name].items()]
        points = points[::len(points) // _MAX_POINTS + 1]
        axes.plot(
            *zip(*points),
            marker=marker,
            label=name,
            linewidth=2 if name in _FIRST else 1)
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)
    # A fixed place outside the axes: loc='best' is slow.
    axes.legend(loc='upper left', bbox_to_anchor=(1, 1), fontsize=7)
