"""Pictures of crop pairs as the model gets them."""
from pathlib import Path
from typing import Optional, Tuple

import numpy as np
from mmengine.config import Config
from mmengine.utils import track_iter_progress
from mmseg.registry import DATASETS, TRANSFORMS

from ..datasets import PairedRandomCrop
from ..datasets.checks import plain_datasets
from ..utils.configs import is_kind
from ..visualization import draw_pair


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


def paired_datasets(cfg: Config) -> list:
    """Data sets of the training whose pipeline cuts pairs of crops."""
    # Built only then: the labeled images need not be there.
    return [
        DATASETS.build(dataset)
        for dataset in plain_datasets(cfg.train_dataloader.dataset)
        if any(
            is_kind(step, PairedRandomCrop, TRANSFORMS)
            for step in dataset.pipeline)
    ]


def write_pictures(dataset, number: int, folder: Path) -> None:
    """Writes pictures of pairs of images evenly spread over a data set.

    Args:
        dataset (UnlabeledDataset): Unlabeled images.
        number (int): Of the pictures.
        folder (Path): Made if needed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    indices = np.unique(np.linspace(0, len(dataset) - 1, number).astype(int))
    for index in track_iter_progress(indices.tolist()):
        pair = make_pair(dataset, index)
        if pair:
            draw_pair(*pair).savefig(folder / f'pair_{index:06d}.png', dpi=100)
