"""Saves pictures of the views of unlabeled images as the model gets them.

Each picture shows an image with the windows that are cut, and the views after
their flips and augmentation; of a pair of crops with the outline of their
overlap, the part that the loss compares.

Example:
    python tools/dataset_tools/browse_pairs.py configs/custom/own_data.py \
        --output-dir work_dirs/pairs
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
from pathlib import Path
from typing import Optional, Sequence

from mmengine.runner import set_random_seed

from mmseg_dcc.apis.browse_pairs import write_pictures
from mmseg_dcc.utils.command_line import add_config_arguments, load_config
from mmseg_dcc.utils.configs import unlabeled_configs
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
        help='pictures, of images evenly spread over the folder (default: 8)')
    parser.add_argument(
        '--seed', type=int, default=0, help='of the crops (default: 0)')
    return parser.parse_args(argv)


@exit_on_input_error
def main(argv: Optional[Sequence[str]] = None) -> None:
    args = parse_args(argv)
    configs = unlabeled_configs(load_config(args))
    if not configs:
        raise InputError(f'{args.config} trains without unlabeled images: '
                         'train_dataloader has no UnlabeledDataset.')
    set_random_seed(args.seed)
    write_pictures(
        DATASETS.build(configs[0]), args.number, args.output_dir)
    print(f'\nPictures are in {args.output_dir}')


if __name__ == '__main__':
    main()
