"""Compares methods: trains each with each seed, prints a table and a picture.

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
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

TRAIN = Path(__file__).resolve().with_name('train.py')
LABELS = {
    'supervised': 'supervised only',
    'control': 'control: DCC with lambda = 0',
    'dcc': 'DCC',
    'oracle': 'supervised, all labels',
}
_PROGRESS = re.compile(r'Iter\(train\)\s*\[\s*(\d+)/(\d+)\].*?'
                       r'eta: (\S+).*? loss: (\S+)')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'config_prefix', help='the configs are PREFIX + METHOD + .py')
    parser.add_argument(
        '--methods', nargs='+', default=['supervised', 'control', 'dcc'])
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


class Training:
    """One method with one seed, run by tools/train.py in its own process.

    Args:
        method (str): Name of the method.
        seed (int): Of sampler, augmentation and weights.
        args (argparse.Namespace): Options of this tool.
    """

    def __init__(self, method: str, seed: int, args) -> None:
        self.method, self.seed = method, seed
        self.name = f'{method}, seed {seed}'
        self.config = f'{args.config_prefix}{method}.py'
        self.work_dir = Path(args.work_dir) / f'{method}_seed{seed}'
        self.result_file = self.work_dir / 'result.json'
        options = [f'randomness.seed={seed}']
        if args.iterations:
            options += _shortened(self.config, args.iterations)
        self.command = [
            sys.executable, str(TRAIN), self.config, '--work-dir',
            str(self.work_dir), '--resume', '--cfg-options', *options
        ]

    def result(self):
        """Result of an earlier run of the same command, or None."""
        if self.result_file.exists():
            result = json.loads(self.result_file.read_text())
            if result['command'] == self.command[2:]:
                return result
            raise SystemExit(
                f'{self.result_file} was made with other options. Remove '
                f'{self.work_dir} or choose another --work-dir.')
        return None

    def start(self) -> None:
        self.work_dir.mkdir(parents=True, exist_ok=True)
        self.log = open(self.work_dir / 'log.txt', 'a')
        # Two trainings share two cores best with one thread each.
        env = dict(os.environ, OMP_NUM_THREADS='1', PYTHONWARNINGS='ignore')
        self.started = time.time()
        self.process = subprocess.Popen(
            self.command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=env)
        os.set_blocking(self.process.stdout.fileno(), False)
        print(f'  {self.name}: started, log in {self.log.name}', flush=True)

    def poll(self) -> bool:
        """Shows progress; True when the training has ended."""
        ended = self.process.poll() is not None
        for line in self.process.stdout.readlines():
            self.log.write(line)
            progress = _PROGRESS.search(line)
            if progress:
                done, total, eta, loss = progress.groups()
                print(
                    f'  {self.name}: iteration {done}/{total}, {eta} to go, '
                    f'loss {loss}',
                    flush=True)
        if ended:
            self.log.close()
            self._finish()
        return ended

    def _finish(self) -> None:
        if self.process.returncode:
            raise SystemExit(
                f'{self.name} failed; the end of {self.log.name}:\n' +
                '\n'.join(Path(self.log.name).read_text().split('\n')[-20:]))
        scores = _last_scores(self.work_dir)
        result = dict(
            command=self.command[2:],
            mIoU=scores['mIoU'],
            minutes=round((time.time() - self.started) / 60, 2),
            checkpoint=(self.work_dir / 'last_checkpoint').read_text())
        temporary = self.result_file.with_suffix('.tmp')
        temporary.write_text(json.dumps(result, indent=2))
        temporary.replace(self.result_file)
        print(
            f'  {self.name}: mIoU {result["mIoU"]:.1f} after '
            f'{result["minutes"]:.1f} minutes',
            flush=True)


def _shortened(config: str, iterations: int) -> list:
    """Options that scale the schedule of a small config."""
    options = [
        f'train_cfg.max_iters={iterations}',
        f'train_cfg.val_interval={iterations}',
        f'param_scheduler.1.end={iterations}',
        f'train_dataloader.sampler.epoch_length={iterations}'
    ]
    if not config.endswith(('supervised.py', 'oracle.py')):
        options.append(f'custom_hooks.0.warmup_iters={iterations // 4}')
    return options


def _last_scores(work_dir: Path) -> dict:
    """The last evaluation that mmengine wrote below a work dir."""
    lines = [
        json.loads(line)
        for path in sorted(work_dir.glob('*/vis_data/scalars.json'))
        for line in path.read_text().splitlines()
    ]
    return [line for line in lines if 'mIoU' in line][-1]


def train_all(trainings: list, jobs: int) -> None:
    """Runs what has no result yet, ``jobs`` at a time."""
    waiting = [t for t in trainings if t.result() is None]
    # The longest first, so that no job is left alone at the end.
    waiting.sort(key=lambda t: t.method == 'supervised')
    running: list = []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(waiting.pop(0))
                running[-1].start()
            running = [training for training in running if not training.poll()]
            time.sleep(0.5)
    finally:
        for training in running:
            training.process.terminate()


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
    """The summary as a Markdown table."""
    base = summary.get('supervised', {}).get('mIoU')
    lines = [
        '| method | mIoU (%) | gain | runs | minutes a run |',
        '|---|---|---|---|---|'
    ]
    for method, entry in summary.items():
        gain = '' if base is None else f'{entry["mIoU"] - base:+.1f}'
        runs = ', '.join(f'{run:.1f}' for run in entry['runs'])
        lines.append(f'| {LABELS.get(method, method)} | {entry["mIoU"]:.1f} | '
                     f'{gain} | {runs} | {entry["minutes"]:.1f} |')
    return '\n'.join(lines)


def main() -> None:
    args = parse_args()
    print(f'Training {", ".join(args.methods)}', flush=True)
    trainings = [
        Training(method, seed, args) for seed in args.seeds
        for method in args.methods
    ]
    train_all(trainings, args.jobs)
    summary = summarise(trainings)
    results = Path(args.work_dir) / 'results.json'
    results.write_text(json.dumps(summary, indent=2))
    picture = Path(args.work_dir) / 'comparison.png'
    pictured = {
        t.method: t
        for t in trainings
        if t.seed == args.seeds[0] and t.method in ('supervised', 'dcc')
    }
    draw_comparison(pictured, picture)
    (Path(args.work_dir) / 'table.md').write_text(table(summary) + '\n')
    print(f'\n{table(summary)}\n\n{results}\n{picture}')


def draw_comparison(trainings: dict, path: Path, rows: int = 6) -> None:
    """Image, ground truth and predictions side by side.

    Takes evenly spaced validation images, not chosen by their result.

    Args:
        trainings (dict[str, Training]): By method, in the order of columns.
        path (Path): PNG to write.
        rows (int): Images. Defaults to 6.
    """
    import mmseg_dcc  # noqa: F401  isort: skip  (before mmseg)
    import cv2
    from mmengine.config import Config
    from mmengine.registry import init_default_scope
    from mmseg.apis import inference_model, init_model
    from mmseg.registry import DATASETS
    init_default_scope('mmseg')
    models = {
        method: init_model(t.config, t.result()['checkpoint'], device='cpu')
        for method, t in trainings.items()
    }
    config = Config.fromfile(next(iter(trainings.values())).config)
    dataset = DATASETS.build(config.val_dataloader.dataset)
    palette = np.array(dataset.metainfo['palette'], np.uint8)
    picture = []
    for index in np.linspace(0, len(dataset) - 1, rows).astype(int):
        image = cv2.imread(dataset.get_data_info(index)['img_path'])
        truth = dataset[index]['data_samples'].gt_sem_seg.data[0].numpy()
        masks = [truth] + [
            inference_model(model, image).pred_sem_seg.data[0].numpy()
            for model in models.values()
        ]
        cells = [image] + [
            palette[np.where(mask == 255, 0, mask)][..., ::-1]
            for mask in masks
        ]
        cells = [
            cv2.copyMakeBorder(
                cv2.resize(cell, None, fx=2, fy=2, interpolation=0), 2, 2, 2,
                2, cv2.BORDER_CONSTANT, value=(255, 255, 255))
            for cell in cells
        ]
        picture.append(np.hstack(cells))
    titles = ['image', 'ground truth', *models]
    header = np.full((28, picture[0].shape[1], 3), 255, np.uint8)
    width = header.shape[1] // len(titles)
    for column, title in enumerate(titles):
        cv2.putText(header, title, (column * width + 6, 19),
                    cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 1, cv2.LINE_AA)
    cv2.imwrite(str(path), np.vstack([header, *picture]))


if __name__ == '__main__':
    main()
