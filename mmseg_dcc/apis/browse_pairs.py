"""Pictures of the views of unlabeled images as the model gets them."""
from pathlib import Path
from typing import Dict, Optional, Tuple

import numpy as np
from mmengine.utils import track_iter_progress

from ..datasets import UnlabeledDataset
from ..structures import ViewInfo
from ..utils.text_files import printable
from ..visualization import draw_views


def make_views(
    dataset: UnlabeledDataset, index: int
) -> Optional[Tuple[np.ndarray, Dict[str, Tuple[np.ndarray, ViewInfo]]]]:
    """Runs the pipeline of the training on one image.

    Args:
        dataset (UnlabeledDataset): Unlabeled images.
        index (int): Of the image.

    Returns:
        tuple | None: The resized image of which the windows are cut, and by
        name each view (RGB, uint8) with its geometry. None if the image
        cannot be read, or a transform gives up on it.
    """
    load, *others = dataset.pipeline.transforms
    results = dataset.get_data_info(index)
    path = results['img_path']
    try:
        results = load(results)
    except Exception as error:  # as UnlabeledDataset does
        print(f'\nLeft out {printable(path)}: {error}')
        return None
    image = None
    for transform in others:
        before = results.get('img')
        results = transform(results)
        if results is None:
            print(f'\nLeft out {printable(path)}: '
                  f'{type(transform).__name__} gave it up')
            return None
        if image is None and 'windows' in results:
            image = before
    infos = results['data_samples'].metainfo['views']
    views = results['inputs'].numpy().transpose(0, 2, 3, 1)
    return _as_shown(image), {
        name: (_as_shown(view), info)
        for view, (name, info) in zip(views, infos.items())
    }


def _as_shown(image: np.ndarray) -> np.ndarray:
    """RGB of BGR; the first channel where there are not three."""
    if image.shape[-1] == 3:
        return image[..., ::-1]
    return image[..., :1].repeat(3, -1)


def write_pictures(dataset: UnlabeledDataset, number: int,
                   folder: Path) -> None:
    """Writes pictures of the views of images evenly spread over a data set.

    Args:
        dataset (UnlabeledDataset): Unlabeled images.
        number (int): Of the pictures.
        folder (Path): Made if needed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    indices = np.unique(np.linspace(0, len(dataset) - 1, number).astype(int))
    for index in track_iter_progress(indices.tolist()):
        made = make_views(dataset, index)
        if made:
            name = printable(
                Path(dataset.get_data_info(index)['img_path']).name)
            draw_views(*made, name).savefig(
                folder / f'pair_{index:06d}.png', dpi=100)
