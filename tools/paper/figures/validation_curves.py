"""Fig. 7: validation scores during trainings, such as with and without
context.

Train with ``--cfg-options train_cfg.val_interval=100`` or a similar value: by
default the configs validate at the end only.

Example:
    python tools/paper/figures/validation_curves.py work_dirs/dcc \
        work_dirs/exp6_same_crop --labels "two crops" "same crop" \
        --out work_dirs/figures/validation_curves.png

The values are written to the .csv beside the picture.
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
from typing import Optional, Sequence

# Imports mmseg_dcc, which must come before mmseg.
from work_dir import (  # isort: skip
    add_arguments, read, save, write_curves)
from matplotlib.figure import Figure


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument(
        '--metric', default='mIoU', help='in the log (default: mIoU)')
    return parser.parse_args(argv)


def main(argv: Optional[Sequence[str]] = None) -> None:
    args = parse_args(argv)
    work_dirs = read(args)
    curves = {w.label: w.curve(args.metric) for w in work_dirs}
    figure = Figure((6, 4), layout='constrained')
    axes = figure.subplots()
    for label, curve in curves.items():
        axes.plot(*curve, marker='.', label=label)
    units = {work_dir.unit_of_validations for work_dir in work_dirs}
    axes.set(xlabel=' or '.join(sorted(units)), ylabel=f'{args.metric} (%)')
    axes.grid(alpha=0.3)
    axes.legend()
    save(figure, args.out)
    write_curves(curves, args.out.with_suffix('.csv'))


if __name__ == '__main__':
    main()
