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
from config_datasets import load_config, unlabeled_datasets  # isort: skip
import numpy as np
from list_files import InputError, exit_on_input_error
from matplotlib import patheffects
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from mmengine.config import DictAction
from mmengine.runner import set_random_seed
from mmengine.utils import track_iter_progress

from mmseg_dcc.datasets import PairedRandomCrop

Box = Tuple[int, int, int, int]

COLORS = ('tab:orange', 'tab:cyan')


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


def box_iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes (top, left, bottom, right)."""
    boxes = np.array([first, second])
    sides = boxes.min(0)[2:] - boxes.max(0)[:2]
    shared = max(sides[0], 0) * max(sides[1], 0)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return float(shared / (areas.sum() - shared))


def flip_box(box: Box, size: Sequence[int], direction: str) -> Box:
    """Moves a box to where a flip of the whole crop puts it.

    Args:
        box (tuple): (top, left, bottom, right).
        size (tuple[int, int]): Height and width of the crop.
        direction (str | None): Flip of mmcv.

    Returns:
        tuple: (top, left, bottom, right).
    """
    top, left, bottom, right = box
    if direction in ('vertical', 'diagonal'):
        top, bottom = size[0] - bottom, size[0] - top
    if direction in ('horizontal', 'diagonal'):
        left, right = size[1] - right, size[1] - left
    return top, left, bottom, right


def draw_pair(image: np.ndarray, crops: np.ndarray, meta: dict) -> Figure:
    """Draws what :func:`make_pair` returns."""
    figure = Figure(figsize=(12, 4.6), layout='constrained')
    whole, *singles = figure.subplots(1, 3)
    whole.imshow(image)
    whole.set_title(f'{image.shape[1]} x {image.shape[0]} after resizing, '
                    f'IoU {box_iou(*meta["crop_boxes"]):.2f}')
    bottom, right = np.max([image.shape[:2]] +
                           [box[2:] for box in meta['crop_boxes']], axis=0)
    whole.set(xlim=(0, right), ylim=(bottom, 0))
    for number, (axes, crop, color) in enumerate(zip(singles, crops, COLORS)):
        _outline(whole, meta['crop_boxes'][number], color, str(number + 1))
        flip = meta['flips'][number]
        axes.imshow(crop)
        axes.set_title(f'crop {number + 1}, ' +
                       (f'flipped: {flip}' if flip else 'not flipped'))
        box = flip_box(meta['overlap_boxes'][number], crop.shape[:2], flip)
        _outline(axes, box, 'white', 'overlap')
        for spine in axes.spines.values():
            spine.set(color=color, linewidth=3)
    for axes in (whole, *singles):
        axes.set(xticks=[], yticks=[])
    figure.suptitle(Path(meta['img_path']).name)
    return figure


def _outline(axes, box: Box, color: str, label: str) -> None:
    top, left, bottom, right = box
    # Legible on light and on dark pictures.
    shadow = [patheffects.withStroke(linewidth=4, foreground='black')]
    # Pixels are centred on whole numbers.
    axes.add_patch(
        Rectangle((left - 0.5, top - 0.5),
                  right - left,
                  bottom - top,
                  fill=False,
                  edgecolor=color,
                  linewidth=2,
                  path_effects=shadow,
                  # whole and above the frame where it runs along the border
                  clip_on=False,
                  zorder=3))
    axes.text(
        left,
        top,
        f' {label}',
        color=color,
        va='top',
        weight='bold',
        path_effects=shadow)


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file of a training')
    parser.add_argument('--output-dir', type=Path, required=True)
    parser.add_argument(
        '--number',
        type=int,
        default=8,
        help='pictures, of images evenly spread over the folder (default: 8)')
    parser.add_argument(
        '--seed', type=int, default=0, help='of the crops (default: 0)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        help='override config values, as tools/train.py does')
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
