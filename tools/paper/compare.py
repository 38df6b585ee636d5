"""Compares methods: trains each with each seed, prints a table and draws them.

The methods are configs that share a prefix. Safe to run again: what is
finished is kept, what was interrupted goes on.

Examples:
    python tools/compare.py configs/demo/deeplabv3plus_small_demo_ \
        --seeds 0 1 2
    python tools/compare.py configs/camvid/deeplabv3plus_small_camvid_1-8_ \
        --methods supervised dcc --work-dir work_dirs/camvid
"""
import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from mmengine.config import Config
from trainings import Training, run_all, shortened, to_arguments

TRAIN = Path(__file__).resolve().with_name('train.py')
PREDICTIONS = TRAIN.with_name('figures') / 'predictions.py'
LABELS = {
    'supervised': 'supervised only',
    'control': 'control: DCC with lambda = 0',
    'dcc': 'DCC',
    'oracle': 'supervised, all labels',
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'config_prefix', help='the configs are PREFIX + METHOD + .py')
    parser.add_argument(
        '--methods',
        nargs='+',
        default=['supervised', 'control', 'dcc'],
        help='gains are over the first (default: supervised control dcc)')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0])
    parser.add_argument('--work-dir', default='work_dirs/compare')
    parser.add_argument(
        '--iterations', type=int, help='instead of those of the config')
    parser.add_argument(
        '--jobs',
        type=int,
        default=2,
        help='trainings at a time, one thread each (default: 2)')
    return parser.parse_args()


class MethodTraining(Training):
    """One method with one seed, run by tools/train.py in its own process.

    Args:
        method (str): Name of the method.
        seed (int): Of sampler, augmentation and weights.
        args (argparse.Namespace): Options of this tool.
    """

    def __init__(self, method: str, seed: int, args) -> None:
        self.method, self.seed = method, seed
        self.config = f'{args.config_prefix}{method}.py'
        work_dir = Path(args.work_dir) / f'{method}_seed{seed}'
        options = {'randomness.seed': seed}
        if args.iterations:
            config = Config.fromfile(self.config, import_custom_modules=False)
            options.update(shortened(config, args.iterations))
        arguments = [
            self.config, '--work-dir',
            str(work_dir), '--resume', '--cfg-options',
            *to_arguments(options)
        ]
        super().__init__(
            f'{method}, seed {seed}',
            [sys.executable, str(TRAIN), *arguments],
            work_dir,
            made_with=arguments)


def summarise(trainings: list) -> dict:
    """Mean, spread and time of each method over its seeds."""
    summary: dict = {}
    for training in trainings:
        result = training.result()
        entry = summary.setdefault(training.method, dict(runs=[], minutes=[]))
        entry['runs'].append(result['mIoU'])
        entry['minutes'].append(result['minutes'])
    for entry in summary.values():
        entry['mIoU'] = round(float(np.mean(entry['runs'])), 2)
        entry['std'] = round(float(np.std(entry['runs'])), 2)
        entry['minutes'] = round(float(np.mean(entry['minutes'])), 1)
    return summary


def table(summary: dict) -> str:
    """The summary as a Markdown table, with the gain over the first."""
    first = next(iter(summary))
    lines = [
        '| method | mIoU (%) | gain | runs | minutes a run |',
        '|---|---|---|---|---|'
    ]
    for method, entry in summary.items():
        gain = ('' if method == first else
                f'{entry["mIoU"] - summary[first]["mIoU"]:+.1f}')
        runs = ', '.join(f'{run:.1f}' for run in entry['runs'])
        lines.append(f'| {LABELS.get(method, method)} | {entry["mIoU"]:.1f} | '
                     f'{gain} | {runs} | {entry["minutes"]:.1f} |')
    return '\n'.join(lines)


def main() -> None:
    args = parse_args()
    print(f'Training {", ".join(args.methods)}', flush=True)
    trainings = [
        MethodTraining(method, seed, args) for seed in args.seeds
        for method in args.methods
    ]
    # The longest first, so that no job is left alone at the end.
    run_all(
        sorted(trainings, key=lambda t: t.method == 'supervised'), args.jobs)
    summary = summarise(trainings)
    work_dir = Path(args.work_dir)
    # What took long to compute first: a picture is soon drawn again.
    (work_dir / 'results.json').write_text(json.dumps(summary, indent=2))
    (work_dir / 'table.md').write_text(table(summary) + '\n')
    print(f'\n{table(summary)}\n\n{work_dir / "results.json"}', flush=True)
    pictured = [t.work_dir for t in trainings if t.seed == args.seeds[0]]
    subprocess.run([
        sys.executable, str(PREDICTIONS), *map(str, pictured), '--labels',
        *args.methods, '--out', str(work_dir / 'comparison.png')
    ], check=True)


if __name__ == '__main__':
    main()
