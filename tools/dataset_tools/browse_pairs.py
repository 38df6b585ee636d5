"""Saves pictures of labeled and unlabeled images as the model gets them.

pair_*.png shows an unlabeled image with its windows, and the views after their
flips and augmentation; for a pair of crops also the outline of the overlap,
the part that the loss compares. labeled_*.png shows a labeled image under its
mask, before and after the training pipeline, with the class names, so that a
wrong order of names is easy to see. With several data sets, the file names
have the number of the data set.

Example:
    python tools/dataset_tools/browse_pairs.py configs/custom/own_data.py \
        --output-dir work_dirs/pairs
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
from pathlib import Path
from typing import Optional, Sequence

from mmengine.runner import set_random_seed

from mmseg_dcc.apis.browse_pairs import (
    write_labeled_pictures,
    write_pictures,
)
from mmseg_dcc.utils.command_line import add_config_arguments, load_config
from mmseg_dcc.utils.configs import labeled_configs, unlabeled_configs
from mmseg_dcc.utils.input_error import InputError, exit_on_input_error

from mmseg.registry import DATASETS  # isort: skip  (after mmseg_dcc)


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    parser.add_argument('--output-dir', type=Path, required=True)
    parser.add_argument(
        '--number',
        type=int,
        default=8,
        help='number of pictures of each data set, of evenly spaced images '
        '(default: 8)')
    parser.add_argument(
        '--seed', type=int, default=0, help='seed of the crops (default: 0)')
    return parser.parse_args(argv)


@exit_on_input_error
def main(argv: Optional[Sequence[str]] = None) -> None:
    args = parse_args(argv)
    cfg = load_config(args)
    if 'train_dataloader' not in cfg:
        raise InputError(f'{args.config} has no train_dataloader. Use the '
                         'config of a training.')
    labeled, photos = (
        [DATASETS.build(config) for config in configs(cfg)]
        for configs in (labeled_configs, unlabeled_configs))
    set_random_seed(args.seed)
    for write, name, datasets in (
        (write_pictures, 'pair', photos),
        (write_labeled_pictures, 'labeled', labeled)):
        for index, dataset in enumerate(datasets, 1):
            prefix = name if len(datasets) == 1 else f'{name}_{index}'
            write(dataset, args.number, args.output_dir, prefix)
    print(f'\nThe pictures are in {args.output_dir}')


if __name__ == '__main__':
    main()
