"""Data set of labeled images of any type in a folder, with a mask folder."""
import hashlib
import logging
import math
import os.path as osp
import unicodedata
from collections import Counter
from typing import List, Optional

from mmengine.logging import print_log
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from ..utils.arguments import refuse_unknown_arguments
from ..utils.text_files import printable
from .ids_in_masks import IdsInMasks
from .image_files import IMAGE_SUFFIXES, image_files
from .mask_path_check import NO_MASKS
from .unlabeled_dataset import describe_left_out, require_image_folder


@DATASETS.register_module()
class FolderSegDataset(IdsInMasks, BaseSegDataset):
    """Data set of a folder of images and a folder of masks, without lists.

    :class:`mmseg.datasets.BaseSegDataset` finds images of only one suffix and
    cannot hold out some of them for validation.

    Images may lie at any depth and be of mixed types (jpg, jpeg, png, bmp,
    tif, tiff, webp). The mask of ``<images>/deep/a.jpg`` is
    ``<masks>/deep/a.png``: the class id of each pixel, 255 to ignore it.

    Args:
        part (str, optional): 'train' or 'val' for one of the two parts given
            by ``val_share``. Defaults to None: all images.
        val_share (float): Probability of an image to be in the part 'val',
            about their share, in (0, 1). It is decided by the name of the
            image only (:func:`draw_of_name`): the parts never overlap, are
            the same in every run, and added images do not move others.
            Defaults to 0.2.
        **kwargs: Other arguments of ``BaseSegDataset`` (``data_root``,
            ``data_prefix``, ``metainfo`` with the classes, ``pipeline``, ...)
            without ``ann_file`` and ``img_suffix``.

    Raises:
        FileNotFoundError: If a folder does not exist, or a mask is missing
            although the pipeline loads masks.
        ValueError: If there is no image, two images share a mask, a part
            is empty, or an argument would have no effect.
        TypeError: If an argument is unknown.

    Examples:
        >>> labeled_dataset = dict(
        ...     type='FolderSegDataset', data_root='data/own',
        ...     data_prefix=dict(img_path='images', seg_map_path='masks'),
        ...     metainfo=dict(classes=('background', 'leaf')),
        ...     part='train', val_share=0.2, pipeline=labeled_pipeline)
    """

    def __init__(self,
                 *,
                 part: Optional[str] = None,
                 val_share: float = 0.2,
                 **kwargs) -> None:
        if part not in (None, 'train', 'val') or not 0 < val_share < 1:
            raise ValueError(
                "FolderSegDataset needs part='train', 'val' or None and "
                f'val_share between 0 and 1, got {part!r} and {val_share}.')
        refuse_unknown_arguments('FolderSegDataset', kwargs, type(self))
        for key in ('ann_file', 'img_suffix'):
            if kwargs.get(key):
                raise ValueError(
                    f'FolderSegDataset uses all images of the folder: '
                    f'{key}={kwargs[key]!r} would have no effect. Remove it, '
                    "or use type='BaseSegDataset', which supports lists.")
        require_image_folder(kwargs.get('data_prefix') or dict(img_path=''))
        self.part = part
        self.val_share = val_share
        self.left_out = ''  # files of other types, in a sentence
        pipeline = kwargs.get('pipeline')
        # also inside of TestTimeAug
        self.needs_masks = not pipeline or 'LoadAnnotations' in str(pipeline)
        super().__init__(**kwargs)

    def load_data_list(self) -> List[dict]:
        """Finds the images and names their masks.

        Returns:
            list[dict]: Entries as in ``BaseSegDataset``, sorted by path.
        """
        images, masks = (
            self.data_prefix.get(key) for key in ('img_path', 'seg_map_path'))
        if masks is None and self.needs_masks:
            raise ValueError(f'The labeled images in {images!r}: {NO_MASKS}')
        for folder, key in ((images, 'img_path'), (masks, 'seg_map_path')):
            if folder is not None and not osp.isdir(folder):
                raise FileNotFoundError(
                    f'The folder {folder!r} does not exist. Change data_root '
                    f'or data_prefix.{key} of the labeled data set.')
        files = image_files(images)
        self.left_out = describe_left_out(
            images, files) if files.left_out else ''
        names = self._names_of_part(files.images, images)
        return [
            dict(
                img_path=osp.join(images, name),
                **({} if masks is None else dict(
                    seg_map_path=osp.join(
                        masks, osp.splitext(name)[0] + self.seg_map_suffix))),
                label_map=self.label_map,
                reduce_zero_label=self.reduce_zero_label,
                seg_fields=[]) for name in names
        ]

    def _names_of_part(self, names: List[str], folder: str) -> List[str]:
        if not names:
            raise ValueError(
                f'No labeled images in {folder!r}. Expected files ending in '
                f'{", ".join(IMAGE_SUFFIXES)}. Change data_prefix.img_path '
                'of the labeled data set.')
        stem, count = Counter(osp.splitext(n)[0]
                              for n in names).most_common(1)[0]
        if count > 1:
            raise ValueError(
                f'{count} images in {folder!r} are named {stem!r} and would '
                'share one mask. Rename them; if one of them is the mask, '
                'move the masks to a folder of their own.')
        if self.part is None:
            return names
        part = [
            name for name in names
            if (draw_of_name(name) < self.val_share) == (self.part == 'val')
        ]
        if not part:
            share = _share_that_draws_one(list(map(draw_of_name, names)),
                                          self.part)
            raise ValueError(
                f'val_share={self.val_share} draws none of the {len(names)} '
                f'labeled images in {folder!r} for {self.part!r}. '
                f'val_share={share} would draw one. Change val_share, label '
                'more images, or set a folder of validation images.')
        return part

    def full_init(self) -> None:
        """Scans the folder, see ``BaseDataset``."""
        if self._fully_initialized:
            return
        super().full_init()
        # logged once: by the part for training
        if self.left_out and self.part != 'val':
            print_log(self.left_out, logger='current', level=logging.WARNING)

    def filter_data(self) -> List[dict]:
        """Raises if an image has no mask."""
        missing = [
            info['seg_map_path'] for info in self.data_list
            if self.needs_masks and not osp.isfile(info['seg_map_path'])
        ]
        if missing:
            raise FileNotFoundError(
                f'{len(missing)} of {len(self.data_list)} labeled images have'
                f' no mask, the first: {printable(missing[0])!r}. A mask has '
                'the name of '
                f'its image with the suffix {self.seg_map_suffix}. Add the '
                'masks, or move these images to the unlabeled ones; '
                'tools/dataset_tools/check_dataset.py lists them all.')
        return super().filter_data()


def draw_of_name(name: str) -> float:
    """Number in [0, 1) derived from the name of an image.

    It is the same on every machine: path separators and the Unicode form in
    which a file system stores accents make no difference.

    Args:
        name (str): Path relative to the image folder. May hold bytes that
            Python could not decode.
    """
    name = unicodedata.normalize('NFC', name.replace('\\', '/'))
    digest = hashlib.sha256(name.encode('utf-8', 'surrogatepass')).digest()
    return int.from_bytes(digest[:6], 'big') / 2**48


def _share_that_draws_one(draws: List[float], part: str) -> float:
    """Shortest decimal ``val_share`` with which a part has one image."""
    draws = sorted(set(draws))
    if part == 'val':  # draws below the share
        low, high = [*draws, 1 - 2**-48][:2]
    else:
        low, high = [0., *draws][-2:]
    for digits in range(1, 17):
        share = math.floor(high * 10**digits) / 10**digits
        if low < share <= high:
            break
    return share
