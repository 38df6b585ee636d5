"""Pictures of the model's inputs: views of photos and labeled images."""
from pathlib import Path
from typing import Dict, Iterator, Optional, Tuple

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.utils import track_iter_progress

from ..datasets import UnlabeledDataset
from ..structures import ViewInfo
from ..utils.mask_image import mask_colors
from ..utils.text_files import printable
from ..visualization import draw_views
from ..visualization.mask_drawing import as_picture, draw_labeled


def make_views(
    dataset: UnlabeledDataset, index: int
) -> Optional[Tuple[np.ndarray, Dict[str, Tuple[np.ndarray, ViewInfo]]]]:
    """Runs the training pipeline on one unlabeled image.

    Args:
        dataset (UnlabeledDataset): Unlabeled images.
        index (int): Index of the image.

    Returns:
        tuple | None: The resized image from which the windows are cut, and a
        dict of the views (RGB, uint8) with their geometry by name. None if
        the image cannot be read or a transform drops it.
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
                  f'{type(transform).__name__} dropped it')
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
    """RGB of a BGR image; the first channel if there are not three."""
    if image.shape[-1] == 3:
        return image[..., ::-1]
    return image[..., :1].repeat(3, -1)


def make_labeled(
    dataset: BaseDataset, index: int
) -> Optional[Tuple[Tuple[np.ndarray, np.ndarray], ...]]:
    """Runs the training pipeline on one labeled image.

    Args:
        dataset (BaseDataset): Labeled images.
        index (int): Index of the image.

    Returns:
        tuple | None: Image (RGB, uint8) and ids as loaded, and both after the
        pipeline. None if a file cannot be read or a transform drops the
        image.
    """
    results = dataset.get_data_info(index)
    path, whole = results['img_path'], None
    for transform in dataset.pipeline.transforms:
        try:
            results = transform(results)
        except Exception as error:  # decoders raise anything
            print(f'\nLeft out {printable(path)}: {error}')
            return None
        if results is None:
            print(f'\nLeft out {printable(path)}: '
                  f'{type(transform).__name__} dropped it')
            return None
        if whole is None and 'gt_seg_map' in results:
            mask = results['gt_seg_map']
            if mask.ndim != 2:
                print(f'\nLeft out {printable(path)}: its mask has '
                      f'{mask.shape[-1]} channels, expected one of class ids')
                return None
            whole = as_picture(results['img']), mask.astype(np.uint8)
    sample = results.get('data_samples')
    if whole is None or 'gt_sem_seg' not in sample:
        print(f'\nLeft out {printable(path)}: its pipeline loads no mask')
        return None
    crop = results['inputs'].permute(1, 2, 0).numpy()
    mask = sample.gt_sem_seg.data[0].numpy()
    return whole, (as_picture(crop), mask.astype(np.uint8))


def write_pictures(dataset: UnlabeledDataset,
                   number: int,
                   folder: Path,
                   prefix: str = 'pair') -> None:
    """Writes pictures of the views of evenly spaced unlabeled images.

    Args:
        dataset (UnlabeledDataset): Unlabeled images.
        number (int): Number of pictures.
        folder (Path): Folder of the pictures; made if needed.
        prefix (str): Prefix of the file names. Defaults to 'pair'.
    """
    for index in _spread(dataset, number, folder):
        made = make_views(dataset, index)
        if made:
            draw_views(*made, _name(dataset, index)).savefig(
                folder / f'{prefix}_{index:06d}.png', dpi=100)


def write_labeled_pictures(dataset: BaseDataset,
                           number: int,
                           folder: Path,
                           prefix: str = 'labeled') -> None:
    """Writes pictures of evenly spaced labeled images.

    Args:
        dataset (BaseDataset): Labeled images.
        number (int): Number of pictures.
        folder (Path): Folder of the pictures; made if needed.
        prefix (str): Prefix of the file names. Defaults to 'labeled'.
    """
    meta = dataset.metainfo
    for index in _spread(dataset, number, folder):
        made = make_labeled(dataset, index)
        if made:
            draw_labeled(*made, meta.get('classes') or (),
                         mask_colors(meta.get('palette')),
                         _name(dataset, index)).save(
                             folder / f'{prefix}_{index:06d}.png')


def _spread(dataset, number: int, folder: Path) -> Iterator[int]:
    folder.mkdir(parents=True, exist_ok=True)
    indices = np.unique(np.linspace(0, len(dataset) - 1, number).astype(int))
    return track_iter_progress(indices.tolist())


def _name(dataset, index: int) -> str:
    return printable(Path(dataset.get_data_info(index)['img_path']).name)
