"""Fig. 6: share of negatives whose class differs from that of their anchor.

Compared for negatives sampled at random and negatives with other pseudo
labels. Needs the masks of the unlabeled images in the training, only for its
log::

    --cfg-options default_hooks.logger.interval=20 \
    train_dataloader.dataset.datasets.1.data_prefix.seg_map_path=...

Example:
    python tools/paper/figures/negative_precision.py work_dirs/dcc \
        --out work_dirs/figures/negative_precision.png

A logged value is that of one step; the lines are running means. The logged
values are written to the .csv beside the picture.
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
from typing import Optional, Sequence

# Imports mmseg_dcc, which must come before mmseg.
from work_dir import (  # isort: skip
    add_arguments, read, save, write_curves)
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

KEYS = {
    'pseudo labels': 'unsup_negative_precision',
    'random': 'unsup_random_negative_precision'
}
COLORS = {'pseudo labels': 'tab:blue', 'random': 'tab:orange'}
LINES = ('-', '--', ':', '-.')  # of the trainings


def running_mean(values: Sequence[float], window: int) -> np.ndarray:
    """Running means over the last values, fewer at the beginning.

    Args:
        values (Sequence[float]): n values.
        window (int): Number of values in a mean.

    Returns:
        np.ndarray: n means.
    """
    sums = np.cumsum([0., *values])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument(
        '--window', type=int, default=5,
        help='logged values in a mean (default: 5)')
    return parser.parse_args(argv)


def main(argv: Optional[Sequence[str]] = None) -> None:
    args = parse_args(argv)
    figure = Figure((6, 4), layout='constrained')
    axes = figure.subplots()
    curves = {}
    work_dirs = read(args)
    for work_dir, line in zip(work_dirs, LINES):
        for sampling, key in KEYS.items():
            name = sampling + f', {work_dir.label}' * (len(work_dirs) > 1)
            steps, values = curves[name] = work_dir.curve(key)
            color = COLORS[sampling]
            axes.plot(steps, values, '.', color=color, alpha=0.25)
            axes.plot(steps, running_mean(values, args.window), line,
                      color=color,
                      label=f'{name}: mean {np.mean(values):.0%}')
    axes.set(xlabel='iteration', ylabel='precision of the negatives')
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(alpha=0.3)
    axes.legend()
    save(figure, args.out)
    write_curves(curves, args.out.with_suffix('.csv'))


if __name__ == '__main__':
    main()
