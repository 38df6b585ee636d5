"""Fig. 8: predictions of trainings side by side.

The images are evenly spaced in the test set, not chosen by their result.

Example:
    python tools/paper/figures/predictions.py \
        work_dirs/supervised work_dirs/dcc \
        --out work_dirs/figures/predictions.png

The masks are written to the .npz beside the picture, as ``PATH/ground truth``
and ``PATH/LABEL`` with the path of the image.
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
from typing import Dict, Optional, Sequence

# Imports mmseg_dcc, which must come before mmseg.
from work_dir import (  # isort: skip
    add_arguments, evenly_spaced, read, read_image, save, test_sets, truth_of)
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from mmengine.dataset import pseudo_collate

from mmseg_dcc.utils.mask_image import mask_colors

TRUTH = 'ground truth'


def draw(images: Sequence[np.ndarray], masks: Sequence[Dict[str, np.ndarray]],
         classes: Sequence[str], palette: Sequence) -> Figure:
    """Draws one row per image.

    Args:
        images (Sequence[np.ndarray]): RGB, shape (h, w, 3).
        masks (Sequence[dict[str, np.ndarray]]): Masks of each image by column
            title, labels of shape (h, w).
        classes (Sequence[str]): Names of the classes.
        palette (Sequence): [red, green, blue] of each class.

    Returns:
        Figure: Columns of images and masks, a legend below.
    """
    colors = mask_colors(palette)
    titles = [*masks[0]]
    height, width = images[0].shape[:2]
    cell = 1.7
    figure = Figure(
        (cell * (1 + len(titles)), cell * height / width * len(images) + 0.9),
        layout='constrained')
    rows = figure.subplots(len(images), 1 + len(titles), squeeze=False)
    for row, image, of_image in zip(rows, images, masks):
        row[0].imshow(image)
        for axes, mask in zip(row[1:], of_image.values()):
            axes.imshow(colors[mask], interpolation='nearest')
    for axes, title in zip(rows[0], ('image', *titles)):
        axes.set_title(title, fontsize=10)
    for axes in rows.flat:
        axes.set(xticks=[], yticks=[])
    shown = set().union(
        *(np.unique(mask) for row in masks for mask in row.values()))
    figure.legend(
        loc='outside lower center',
        ncols=max(2 * len(titles), 2),
        fontsize=8,
        handles=[
            Patch(facecolor=colors[label] / 255, edgecolor='black',
                  label=classes[label]) for label in sorted(shown)
            if label < len(classes)
        ])
    return figure


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument(
        '--images', type=int, default=6, help='how many (default: 6)')
    return parser.parse_args(argv)


def main(argv: Optional[Sequence[str]] = None) -> None:
    args = parse_args(argv)
    work_dirs = read(args)
    datasets, paths = test_sets(work_dirs)
    indices = evenly_spaced(len(paths), args.images)
    masks = {i: {TRUTH: truth_of(datasets[0][i])} for i in indices}
    for work_dir, dataset in zip(work_dirs, datasets):
        model = work_dir.model()
        for index in indices:
            result, = model.test_step(pseudo_collate([dataset[index]]))
            masks[index][work_dir.label] = (
                result.pred_sem_seg.data[0].cpu().numpy())
    meta = datasets[0].metainfo
    images = [read_image(paths[index]) for index in indices]
    save(draw(images, [*masks.values()], meta['classes'], meta['palette']),
         args.out)
    np.savez_compressed(
        args.out.with_suffix('.npz'), **{
            f'{paths[index]}/{title}': mask.astype(np.uint8)
            for index, row in masks.items() for title, mask in row.items()
        })


if __name__ == '__main__':
    main()
