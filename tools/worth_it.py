"""Measures the gains of more labels and of unlabeled images on own data.

Runs short trainings from one config of a method: supervised on half of the
labels and on all of them, with the method, and supervised for the cost of the
method. Then prints a report of one screen. Takes about as long as the whole
training of the config. It can be run again: finished trainings are kept,
interrupted ones are resumed.

Example:
    python tools/worth_it.py configs/custom/mine.py
    python tools/worth_it.py configs/custom/mine.py --iterations 2000 --seeds 3
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
import os.path as osp
import signal
import sys
from pathlib import Path
from typing import Optional, Sequence

from mmseg_dcc.apis.launch import exit_without_data
from mmseg_dcc.apis.schedule_length import total_iterations
from mmseg_dcc.apis.worth_it import (
    check_config,
    default_iterations,
    images_of,
    make,
    runs_of,
    runs_of_equal_cost,
)
from mmseg_dcc.apis.worth_it_report import report
from mmseg_dcc.utils.command_line import add_config_arguments, load_config
from mmseg_dcc.utils.input_error import exit_on_input_error


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    parser.add_argument(
        '--iterations',
        type=int,
        help='length of each training (default: a quarter of that of the '
        'config)')
    parser.add_argument(
        '--seeds',
        type=int,
        default=1,
        metavar='N',
        help='run each training with the seeds 0 to N - 1 (default: 1)')
    parser.add_argument(
        '--jobs',
        type=int,
        default=1,
        help='number of trainings in parallel (default: 1)')
    parser.add_argument(
        '--out',
        type=Path,
        help='folder of the trainings (default: worth_it in the work dir of '
        'the config)')
    args = parser.parse_args(argv)
    for name in ('seeds', 'jobs'):
        if getattr(args, name) < 1:
            parser.error(
                f'--{name}: got {getattr(args, name)}, expected 1 or more')
    return args


@exit_on_input_error
def main(argv: Optional[Sequence[str]] = None) -> None:
    args = parse_args(argv)
    cfg = load_config(args)
    exit_without_data(cfg, ('train_dataloader', 'val_dataloader'))
    check_config(cfg)
    name = osp.splitext(osp.basename(args.config))[0]
    folder = args.out or Path(
        cfg.get('work_dir') or Path('work_dirs', name), 'worth_it')
    iterations = (default_iterations(cfg)
                  if args.iterations is None else args.iterations)
    seeds = range(args.seeds)
    tool = Path(__file__).with_name('train.py')
    runs = runs_of(cfg, iterations, seeds, folder)
    images = images_of(runs)
    print(f'{4 * args.seeds} trainings in {folder}', flush=True)
    results = make(runs, args.jobs, tool)
    longer = runs_of_equal_cost(cfg, iterations, results, seeds, folder)
    results.update(make(longer, args.jobs, tool))
    text = report(results, images, iterations / total_iterations(cfg))
    (folder / 'report.txt').write_text(f'{text}\n')
    print(f'\n{text}\n\n{folder / "report.txt"}')


if __name__ == '__main__':
    # ends the trainings, too, when this tool is terminated
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    main()
