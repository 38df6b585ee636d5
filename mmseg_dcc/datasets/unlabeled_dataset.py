import logging
import os.path as osp
from collections import defaultdict
from typing import Dict, List, Optional

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.dist import all_reduce
from mmengine.logging import print_log
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import DATASETS

from ..utils.arguments import refuse_unknown_arguments
from ..utils.result_names import require_unique_results
from ..utils.text_files import (
    decode_legacy_name,
    local_name,
    printable,
    read_lines,
)
from .image_files import IMAGE_SUFFIXES, ImageFiles, image_files, is_local
from .masks_among_photos import masks_among

IGNORE = 255  # in mask files, whatever the head's ignore_index is
_WEAK_ADVICE = ('of the unlabeled data set, or make the masks with '
                'tools/dataset_tools/make_cam_masks.py (docs/weak_labels.md).')


@DATASETS.register_module()
class UnlabeledDataset(BaseDataset):
    """Data set of images without masks: a folder, a list file, or both.

    Without ``ann_file`` the data set has every image below the folder, at any
    depth and of mixed types (jpg, jpeg, png, bmp, tif, tiff, webp), except
    masks that labelling tools put there (:func:`masks_among`). With
    ``ann_file`` it has exactly the images of the list.

    ``data_prefix.seg_map_path`` may name a folder of masks. They are only
    used to log the precision of the pseudo labels; no loss sees them. Their
    ids are read as those of the labeled data set (``label_map``,
    ``reduce_zero_label``), unless ``metainfo`` has these keys. Weak masks,
    made from image-level labels for the term :class:`WeakLabels`, have their
    own folder and keys.

    An unreadable image is reported once in a warning, whichever worker finds
    it, and replaced by another image each time. :class:`UnreadableImagesHook`
    counts them at the end. docs/faults.md describes the treatment of unusual
    images.

    Args:
        data_root (str): Root of the data. Defaults to ``''``.
        data_prefix (dict): ``img_path``: image folder below ``data_root``.
            ``seg_map_path``: folder of masks, for the log only; masks may be
            missing. ``weak_seg_map_path``: folder of weak masks to train on,
            see docs/weak_labels.md; their ids are those of the model, and all
            pixels of an image without one are unknown (255). Defaults to
            ``dict(img_path='')``.
        ann_file (str): List file below ``data_root``, one image per line,
            relative to the image folder, with or without suffix. Defaults to
            ``''``: no list.
        img_suffix (str, optional): Appended to each line of the list, as in
            ``BaseSegDataset`` (Cityscapes: ``'_leftImg8bit.png'``). Defaults
            to None: lines are file names with or without suffix.
        seg_map_suffix (str): Replaces ``img_suffix``, or the image's own
            suffix, in the name of the mask. Defaults to ``'.png'``.
        max_unreadable_ratio (float): Share of unreadable images in the data
            set above which the training stops, counted over the workers of
            one process. Defaults to 0.1.
        backend_args (dict, optional): File backend of mmengine for the
            images, such as ``dict(backend='lmdb', db_path='photos.lmdb')``;
            also set for the ``LoadImageFromFile`` of the pipeline. Addresses
            such as ``s3://...`` need none. If the backend cannot list files,
            ``ann_file`` must name them with suffix. Defaults to None.
        **kwargs: See ``mmengine.dataset.BaseDataset`` (``pipeline``, whose
            first transform loads the image, ``metainfo``, ``indices``, ...).

    Raises:
        FileNotFoundError: If the folder or a listed image does not exist;
            only checked on local disks.
        ValueError: If there is no image, or a listed stem matches several.
        InputError: If two images share a mask.

    Examples:
        >>> unlabeled_dataset = dict(
        ...     type='UnlabeledDataset', data_root='my/photos',
        ...     pipeline=unlabeled_pipeline)
    """

    def __init__(self,
                 *args,
                 data_prefix: Optional[dict] = None,
                 img_suffix: Optional[str] = None,
                 seg_map_suffix: str = '.png',
                 max_unreadable_ratio: float = 0.1,
                 backend_args: Optional[dict] = None,
                 **kwargs) -> None:
        refuse_unknown_arguments(
            'The unlabeled data set', kwargs, type(self))
        require_image_folder(data_prefix or dict(img_path=''))
        self.img_suffix = img_suffix
        self.seg_map_suffix = seg_map_suffix
        self.load_mask = LoadAnnotations()
        self.load_weak_mask = LoadAnnotations()
        self.max_unreadable_ratio = max_unreadable_ratio
        self.backend_args = backend_args
        #: Files below the folder that are not images of the data set.
        self.other_files = ImageFiles([], {})
        self._listings: Dict[str, set] = {}
        self.masks_left_out: Dict[str, str] = {}
        super().__init__(
            *args, data_prefix=data_prefix or dict(img_path=''), **kwargs)

    def _join_prefix(self) -> None:
        try:
            super()._join_prefix()
        except AttributeError as error:  # raised by HTTPBackend
            raise ValueError(
                f'data_root={self.data_root!r} of the unlabeled data set: '
                f'{error}, which a data set needs. Download the images, or '
                'mount them as a folder (rclone mount).') from error
        # before the images are scanned
        # before the images are looked for
        metainfo = self.metainfo
        self._knows_labels = bool(
            {'label_map', 'reduce_zero_label'} & metainfo.keys())
        self._mask_labels = dict(
            label_map=metainfo.get('label_map'),
            reduce_zero_label=metainfo.get('reduce_zero_label', False))

    def read_masks_like(self, labeled) -> None:
        """Reads masks for the log with the label settings of labeled data.

        Args:
            labeled (Dataset): Plain labeled data set of the same training.
                Its settings are ignored if ``metainfo`` of this data set has
                them.
        """
        labels = dict(
            label_map=getattr(labeled, 'label_map', None),
            reduce_zero_label=getattr(labeled, 'reduce_zero_label', False))
        if not self._knows_labels and labels != self._mask_labels:
            self._mask_labels = labels
            print_log(
                'The masks of unlabeled images, which are only used for the '
                f'log, are read like those of labeled images: {labels}. If '
                'their ids are already those of the model, set metainfo=dict('
                'reduce_zero_label=False) of the UnlabeledDataset.',
                logger='current')

    def full_init(self) -> None:
        """Scans the images, see ``BaseDataset``."""
        if self._fully_initialized:
            return
        super().full_init()
        for text in self.left_out_texts():
            print_log(text, logger='current', level=logging.WARNING)
        # One byte per image in shared memory, since each worker has a copy of
        # the data set and new workers may start in each epoch.
        self._unreadable = torch.zeros(
            len(self), dtype=torch.uint8).share_memory_()

    def left_out_texts(self) -> List[str]:
        """Messages on the files that were left out."""
        folder, found = self.data_prefix['img_path'], []
        if self.other_files.left_out:
            found.append(describe_left_out(folder, self.other_files))
        if self.masks_left_out:
            mask, photo = next(iter(self.masks_left_out.items()))
            found.append(
                f'{len(self.masks_left_out)} of '
                f'{len(self.other_files.images)} images below {folder!r} '
                'are left out of the unlabeled images, since they look like '
                f'masks of others: the first is {printable(mask)!r}, of '
                f'{printable(photo)!r}. Move masks to a folder of their own. '
                'If these are photos, list all images in ann_file, which is '
                'used without this check.')
        return found

    def unreadable_images(self) -> List[str]:
        """Paths of the images that could not be read so far.

        They include those found by workers and, after
        :meth:`gather_unreadable_images`, by all processes.
        """
        return [
            self.get_data_info(i)['img_path']
            for i in self._unreadable.nonzero().flatten().tolist()
        ]

    def gather_unreadable_images(self) -> None:
        """Shares the unreadable images of each process with all others."""
        all_reduce(self._unreadable, 'max')

    def load_data_list(self) -> List[dict]:
        """Finds the images.

        Returns:
            list[dict]: One ``dict(img_path=...)`` per image, sorted by path
            or in the order of the list. Images with a mask also have the keys
            that ``LoadAnnotations`` needs.
        """
        load = (self.pipeline.transforms or [None])[0]
        if getattr(load, 'backend_args', self) is None:
            load.backend_args = self.backend_args
        elif not self.backend_args:
            self.backend_args = getattr(load, 'backend_args', None)
        folder = self.data_prefix['img_path']
        local = is_local(folder, self.backend_args)
        if local and not osp.isdir(folder):
            raise FileNotFoundError(
                f'The folder of unlabeled images {folder!r} does not exist. '
                'Change data_root or data_prefix.img_path of the unlabeled '
                'data set.')
        names = (
            self._listed(folder, local) if self.ann_file else self._found(
                folder, local))
        if not names:
            raise ValueError(
                f'No unlabeled images in {self.ann_file or folder!r}. Expected'
                f' files ending in {", ".join(IMAGE_SUFFIXES)}. Change '
                'data_root, data_prefix.img_path or ann_file of the '
                'unlabeled data set.' +
                ''.join(f' {text}' for text in self.left_out_texts()))
        infos = [
            dict(
                img_path=osp.join(folder, name),
                **self._mask_of(name),
                **self._weak_mask_of(name)) for name in names
        ]
        if self.has_weak_masks and not any('weak_seg_map_path' in info
                                           for info in infos):
            raise FileNotFoundError(
                f'None of the {len(infos)} unlabeled images has a weak mask '
                f'in {self.data_prefix["weak_seg_map_path"]!r}. Change '
                f'data_prefix.weak_seg_map_path {_WEAK_ADVICE}')
        for key, what in (('seg_map_path', 'mask'),
                          ('weak_seg_map_path', 'weak mask')):
            masked = [info for info in infos if key in info]
            require_unique_results([info['img_path'] for info in masked],
                                   [info[key] for info in masked], what)
        return infos

    def _found(self, folder: str, local: bool) -> List[str]:
        """Images below the folder that are not masks."""
        files = image_files(folder, self.backend_args)
        names = files.images
        self.other_files = files
        # masks of this data set are known without guessing
        own = {
            osp.abspath(info[key])
            for name in names
            for info in (self._mask_of(name), self._weak_mask_of(name))
            for key in ('seg_map_path', 'weak_seg_map_path') if key in info
            and osp.abspath(info[key]) != osp.abspath(osp.join(folder, name))
        }
        names = [name for name in names
                 if osp.abspath(osp.join(folder, name)) not in own]
        self.masks_left_out = masks_among(folder, names) if local else {}
        return [name for name in names if name not in self.masks_left_out]

    @property
    def has_weak_masks(self) -> bool:
        """Whether a folder of weak masks is set."""
        return bool(self.data_prefix.get('weak_seg_map_path'))

    def _mask_of(self, name: str) -> dict:
        suffix = self.img_suffix or osp.splitext(name)[1]
        path = self._path_in(
            'seg_map_path', name[:-len(suffix)] + self.seg_map_suffix,
            'of the unlabeled data set, or remove it: no loss needs it.')
        if path is None:
            return {}
        return dict(seg_map_path=path, seg_fields=[])

    def _weak_mask_of(self, name: str) -> dict:
        path = self._path_in('weak_seg_map_path',
                             osp.splitext(name)[0] + '.png', _WEAK_ADVICE)
        return {} if path is None else dict(weak_seg_map_path=path)

    def _path_in(self, key: str, name: str, advice: str) -> Optional[str]:
        folder = self.data_prefix.get(key)
        if not folder:
            return None
        if not is_local(folder):
            return self._in_backend(folder, name)
        if not osp.isdir(folder):
            raise FileNotFoundError(
                f'The folder of masks {folder!r} does not exist. Change '
                f'data_prefix.{key} {advice}')
        path = osp.join(folder, name)
        return path if osp.isfile(path) else None

    def _in_backend(self, folder: str, name: str) -> Optional[str]:
        if folder not in self._listings:
            self._listings[folder] = set(image_files(folder).images)
        return (osp.join(folder, name)
                if name in self._listings[folder] else None)

    def _listed(self, folder: str, local: bool) -> List[str]:
        list_is_local = osp.isfile(self.ann_file) or is_local(self.ann_file)
        if list_is_local and not osp.isfile(self.ann_file):
            raise FileNotFoundError(
                f'The list of unlabeled images {self.ann_file!r} does not '
                'exist. Make it with tools/dataset_tools/make_splits.py, or '
                'change ann_file of the unlabeled data set.')
        lines = read_lines(self.ann_file,
                           None if list_is_local else self.backend_args)
        names = self._named_by(lines, folder)
        if not local:
            return names
        missing = [name for name in names
                   if not osp.isfile(osp.join(folder, name))]
        # the list may have been written on another system
        for convert in (lambda line: decode_legacy_name(line) or line,
                        local_name):
            repaired = [convert(line) for line in lines] if missing else lines
            if repaired == lines:
                continue
            others = self._named_by(repaired, folder)
            still = [name for name in others
                     if not osp.isfile(osp.join(folder, name))]
            if len(still) < len(missing):
                lines, names, missing = repaired, others, still
        if missing:
            raise FileNotFoundError(
                f'{self.ann_file} lists {len(missing)} of {len(names)} images '
                f'that are not in {folder!r}, the first: '
                f'{printable(missing[0])!r}. Correct the list, or '
                'data_prefix.img_path or img_suffix of the unlabeled '
                'data set; a list with non-ASCII letters must be in UTF-8.')
        return names

    def _named_by(self, lines: List[str], folder: str) -> List[str]:
        """File names of the images in a list."""
        if self.img_suffix is not None:
            return [line + self.img_suffix for line in lines]
        if all(line.lower().endswith(IMAGE_SUFFIXES) for line in lines):
            return lines
        return self._with_suffixes(lines, folder)

    def _with_suffixes(self, stems: List[str], folder: str) -> List[str]:
        by_stem = defaultdict(list)
        for name in image_files(folder, self.backend_args).images:
            by_stem[osp.splitext(name)[0]].append(name)
        for stem in stems:
            # for instance a mask next to the image: ambiguous
            if len(by_stem[stem]) > 1:
                raise ValueError(
                    f'{self.ann_file} lists {stem!r}, which may be any of '
                    f'{by_stem[stem]} in {folder!r}. Set img_suffix of the '
                    'unlabeled data set, or write suffixes in the list.')
        return [by_stem[stem][0] if by_stem[stem] else stem for stem in stems]

    def prepare_data(self, idx: int) -> Optional[dict]:
        """Runs the pipeline on one image.

        Args:
            idx (int): Index of the image.

        Returns:
            dict | None: None if the image cannot be read; mmengine then
            uses another one.

        Raises:
            RuntimeError: If too many images cannot be read.
        """
        load, *others = self.pipeline.transforms
        results = self.get_data_info(idx)
        path = results['img_path']
        try:
            results = load(results)
            if results is None:  # LoadImageFromFile with ignore_empty=True
                raise ValueError('it could not be loaded.')
        # Decoders raise anything on a broken file. Errors of the other
        # transforms are not caught.
        except Exception as error:
            self._report_unreadable(idx, path, error)
            return None
        if 'seg_map_path' in results:
            results.update(self._mask_labels)
            results = self.load_mask(results)
        if self.has_weak_masks:
            self._add_weak_mask(results)
        for transform in others:
            results = transform(results)
            if results is None:
                return None
        return results

    def _add_weak_mask(self, results: dict) -> None:
        size = results['img'].shape[:2]
        path = results.get('weak_seg_map_path')
        mask = np.full(size, IGNORE, np.uint8)
        if path is not None:
            mask = self.load_weak_mask(
                dict(
                    seg_map_path=path,
                    seg_fields=[],
                    label_map=None,
                    reduce_zero_label=False))['gt_seg_map']
        if mask.shape != size:
            raise ValueError(
                f'The weak mask {path} has the size {mask.shape}, its image '
                f'{results["img_path"]} has {size} (height, width). Make it '
                'again with tools/dataset_tools/make_cam_masks.py.')
        results['weak_seg_map'] = mask
        results.setdefault('seg_fields', []).append('weak_seg_map')

    def _report_unreadable(self, idx: int, path: str,
                           error: Exception) -> None:
        if self._unreadable[idx]:
            return
        self._unreadable[idx] = 1
        reason = str(error).split('\n')[0] or type(error).__name__
        message = f'Unreadable unlabeled image {printable(path)}: {reason}'
        number = int(self._unreadable.sum())
        if number > self.max_unreadable_ratio * len(self):
            raise RuntimeError(
                f'{message}. This makes {number} of {len(self)} images, more '
                f'than max_unreadable_ratio={self.max_unreadable_ratio} of '
                'the unlabeled data set. Repair or remove them, or raise the '
                'ratio.')
        print_log(
            f'{message}. It is replaced by another image.',
            logger='current',
            level=logging.WARNING)


def require_image_folder(data_prefix: dict) -> None:
    """Raises if the config of a data set has no image folder.

    Args:
        data_prefix (dict): ``data_prefix`` of the config.

    Raises:
        ValueError: If ``img_path`` is missing.
    """
    if data_prefix.get('img_path') is None:
        raise ValueError(
            f'data_prefix={dict(data_prefix)} has no img_path, the folder of '
            'the images below data_root. Set data_prefix.img_path.')


def describe_left_out(folder: str, files: ImageFiles) -> str:
    """Message on images and videos of types that are not supported.

    Args:
        folder (str): Folder of the files.
        files (ImageFiles): Files found below it.
    """
    return (f'Files below {folder!r} are left out, since their types are not '
            f'supported: {files.left_out_text()}. Convert images to JPEG or '
            'PNG and videos to single frames to train on them.')
