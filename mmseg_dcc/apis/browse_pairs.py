"""Saves pictures of crop pairs as the model gets them.

Each picture shows an unlabeled image with the windows of both crops, and the
crops after their flips and augmentation with the outline of their overlap,
the part that the loss compares.

Example:
    python tools/dataset_tools/browse_pairs.py configs/custom/own_data.py \
        --output-dir work_dirs/pairs
"""
import argparse
from pathlib import Path
from typing import Optional, Sequence, Tuple

# Imports mmseg_dcc, which must come before mmseg.
from config_datasets import (  # isort: skip
    add_config_arguments, load_config, unlabeled_datasets)
import numpy as np
from list_files import InputError, exit_on_input_error
from mmengine.runner import set_random_seed
from mmengine.utils import track_iter_progress

from mmseg_dcc.datasets import PairedRandomCrop
from mmseg_dcc.visualization import draw_pair


def make_pair(dataset,
              index: int) -> Optional[Tuple[np.ndarray, np.ndarray, dict]]:
    """Runs the pipeline of the training on one image.

    Args:
        dataset (UnlabeledDataset): Unlabeled images.
        index (int): Of the image.

    Returns:
        tuple | None: The resized image of which the crops are cut, both crops
        (RGB, uint8) and the metainfo of the pair. None if the image cannot
        be read.
    """
    load, *others = dataset.pipeline.transforms
    results = dataset.get_data_info(index)
    try:
        results = load(results)
    except Exception as error:  # as UnlabeledDataset does
        print(f'\nLeft out {results["img_path"]}: {error}')
        return None
    for transform in others:
        if isinstance(transform, PairedRandomCrop):
            image = results['img'][..., ::-1]
        results = transform(results)
    crops = results['inputs'].numpy().transpose(0, 2, 3, 1)[..., ::-1]
    return image, crops, results['data_samples'].metainfo


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
    datasets = unlabeled_datasets(
        load_config(args.config, args.cfg_options))
    if not datasets:
        raise InputError(f'{args.config} trains without unlabeled images: no '
                         'pipeline of train_dataloader has PairedRandomCrop.')
    dataset = datasets[0]
    set_random_seed(args.seed)
    args.output_dir.mkdir(parents=True, exist_ok=True)
    indices = np.unique(
        np.linspace(0, len(dataset) - 1, args.number).astype(int))
    for index in track_iter_progress(indices.tolist()):
        pair = make_pair(dataset, index)
        if pair:
            draw_pair(*pair).savefig(
                args.output_dir / f'pair_{index:06d}.png', dpi=100)
    print(f'\nPictures are in {args.output_dir}')


if __name__ == '__main__':
    main()
