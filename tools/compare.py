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
import sys
from pathlib import Path

import numpy as np
from mmengine.config import Config
from trainings import Training, shortened, to_arguments, train_all

TRAIN = Path(__file__).resolve().with_name('train.py')
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
        MethodTraining(method, seed, args) for seed in args.seeds
        for method in args.methods
    ]
    # The longest first, so that no job is left alone at the end.
    train_all(
        sorted(trainings, key=lambda t: t.method == 'supervised'), args.jobs)
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
        trainings (dict[str, MethodTraining]): By method, in the order of
            columns.
        path (Path): PNG to write.
        rows (int): Images. Defaults to 6.
    """
    import mmseg_dcc  # noqa: F401  isort: skip  (before mmseg)
    import cv2
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
