"""Check of all data of a config before a long training.

It reads every image and mask of the training, validation and test sets once
and reports broken and suspicious files and the share of each class.
"""
import hashlib
import os.path as osp
import sys
from collections import Counter, defaultdict
from functools import partial
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

import cv2
import numpy as np
from mmcv.image import rescale_size
from mmcv.transforms import LoadAnnotations, RandomResize
from mmengine.config import Config
from mmengine.utils import track_parallel_progress, track_progress
from mmseg.datasets.transforms import RandomCrop
from mmseg.registry import DATASETS
from PIL import Image, UnidentifiedImageError

from ..datasets import PairedRandomCrop, SharedRandomCrop, UnlabeledDataset
from ..datasets.checks import find_transform
from ..datasets.class_checks import check_class_names, class_names
from ..datasets.masks_as_photos import masks_as_photos
from ..datasets.size_order_check import swapped_sizes
from ..datasets.transforms.crop_geometry import feasible_offsets
from ..utils.configs import (
    build_lazily,
    is_part_of_dataset,
    last_head,
    plain_configs,
)
from ..utils.text_files import printable
from .launch import list_encoding_problem
from .propose_sizes import propose_sizes, this_machine

MAX_LISTED = 4
# include the lowest and the highest, where crops fail first
RATIOS_TRIED = 9


class Part(NamedTuple):
    """Data set of the config with its images or the results of their check."""
    role: str
    dataset: object
    images: List[dict]


class Report:
    """Collection of findings.

    Attributes:
        findings (list[dict]): Each has ``level`` ('problem', 'warning'),
            ``check`` (name of the check), ``text`` and ``items`` (path and
            detail).
    """

    def __init__(self) -> None:
        self.findings: List[dict] = []

    def add(self, level: str, check: str, text: str, items=()) -> None:
        """Adds a finding; ``items`` are dicts with path and detail."""
        self.findings.append(
            dict(level=level, check=check, text=text, items=list(items)))

    def add_all(self, level: str, check: str, text: str, items) -> None:
        """Adds a finding with the number of items, if there are any."""
        items = list(items)
        if items:
            self.add(level, check, f'{text} ({len(items)})', items)


def check_dataset(cfg: Config, processes: int = 1) -> dict:
    """Checks all images and masks of a training.

    Args:
        cfg (Config): Config of the training.
        processes (int): Number of reading processes. Defaults to 1.

    Returns:
        dict: ``datasets``, see :func:`overview`; ``classes``, see
        :func:`check_classes`; ``findings``, see :class:`Report`;
        ``proposal``, see :func:`propose`.
    """
    report = Report()
    parts = examine_all(find_parts(cfg, report), processes)
    num_classes, shares = check_classes(cfg, parts, report)
    datasets = []
    for part in parts:
        check_images(part, report)
        if part.role in ('labeled', 'unlabeled'):
            sizes = [image['size'] for image in _readable(part)]
            for text in swapped_sizes(part.dataset, sizes):
                report.add('warning', 'size_order', text)
        pairs = None
        if part.role == 'unlabeled':
            pairs = check_pairs(part, report)
        else:
            check_masks(part, num_classes, report)
        datasets.append(overview(part, pairs))
    check_copies(parts, report)
    return dict(
        datasets=datasets,
        classes=shares,
        findings=report.findings,
        proposal=propose(cfg, parts))


def propose(cfg: Config, parts: List[Part]) -> Optional[dict]:
    """Proposed sizes for these images on this machine.

    Args:
        cfg (Config): Config of a training.
        parts (list[Part]): The data sets.

    Returns:
        dict | None: Fields of :class:`Proposal` and ``machine``. None if no
        image of the training could be read.
    """
    images: Dict[str, list] = dict(labeled=[], unlabeled=[])
    stride = 8
    for part in parts:
        if part.role in images:
            images[part.role] += _readable(part)
            crop = find_transform(part.dataset, PairedRandomCrop)
            stride = getattr(crop, 'stride', stride)
    sizes = [image['size'] for found in images.values() for image in found]
    if not sizes:
        return None
    sampler = cfg.train_dataloader.get('batch_sampler') or {}
    machine = this_machine()
    proposal = propose_sizes(sizes, *map(len, images.values()), machine,
                             stride, sum(sampler.get('source_ratio', (1, ))))
    return dict(machine=str(machine), **proposal._asdict())


def examine(task: Tuple[int, dict], loaders: list) -> dict:
    """Reads one image and its mask with the loaders of the training.

    Args:
        task (tuple): Index of the data set and an entry of its data list.
        loaders (list): For each data set the transforms that load an image
            and a mask; the latter is None without masks.

    Returns:
        dict: Results of the check, without pixels.
    """
    index, info = task
    load_image, load_mask = loaders[index]
    # in printable form
    found = dict(path=printable(info['img_path']))
    try:
        image = load_image(dict(info))['img']
    except Exception as error:  # decoders raise anything on broken files
        return dict(found, unreadable=_reason(error))
    found.update(
        size=image.shape[:2],
        digest=hashlib.sha1(image).hexdigest() + str(image.shape),
        incomplete=_incomplete(info['img_path']))
    if load_mask:
        found['mask'] = _examine_mask(info, load_mask, image.shape[:2])
    return found


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).split('\n')[0]


def _incomplete(path: str) -> Optional[str]:
    """Error of a cut-off file, from Pillow: OpenCV fills it with grey."""
    try:
        with Image.open(path) as image:
            image.draft(None, (1, 1))  # JPEG: reads all, decodes little
            image.load()
    except (UnidentifiedImageError, Image.DecompressionBombError):
        return None
    except (OSError, SyntaxError) as error:
        return _reason(error)
    return None


def _examine_mask(info: dict, load_mask, image_size: tuple) -> dict:
    path = info.get('seg_map_path')
    if path is None:
        return dict(
            path=printable(info['img_path']),
            missing='data_prefix.seg_map_path of its data set is not set')
    found = dict(path=printable(path))
    if not osp.isfile(path):
        image_path = printable(info['img_path'])
        return dict(found, missing=f'of the image {image_path}')
    try:
        mask = load_mask(dict(info, seg_fields=[]))['gt_seg_map']
        with Image.open(path) as image:
            # loading drops the upper byte of ids: 300 would become 44
            highest = (np.asarray(image).max()
                       if image.mode[0] in 'IF' else 0)
    except Exception as error:
        return dict(found, unreadable=_reason(error))
    if mask.ndim != 2:
        return dict(found, format=f'{mask.shape[-1]} channels')
    if highest > 255:
        return dict(found, format=f'ids up to {highest}')
    if mask.shape != image_size:
        return dict(found, size=_size_difference(mask.shape, image_size))
    counts = np.bincount(mask.ravel())
    return dict(
        found, counts={int(i): int(counts[i]) for i in counts.nonzero()[0]})


def _size_difference(mask: tuple, image: tuple) -> str:
    turned = mask == image[::-1]
    return (f'{mask[1]} x {mask[0]}, its image {image[1]} x {image[0]}' +
            (' (rotated, perhaps by the EXIF tag of the image)'
             if turned else ''))


def find_parts(cfg: Config, report: Report) -> List[Part]:
    """Builds the data sets of a config and lists their images.

    Args:
        cfg (Config): Config of a training.
        report (Report): Receives a problem for each data set that cannot be
            built.

    Returns:
        list[Part]: The data sets; ``images`` are entries of data lists.
    """
    loaders = [('labeled', 'train_dataloader'), ('val', 'val_dataloader')]
    if cfg.get('test_dataloader') != cfg.get('val_dataloader'):
        loaders.append(('test', 'test_dataloader'))
    parts = []
    for role, key in loaders:
        for config in plain_configs(cfg[key].dataset) if cfg.get(
                key) else ():
            odd = list_encoding_problem(config)
            if odd:
                report.add('problem', 'dataset', f'{key}: {odd}')
                continue
            try:
                dataset, images = _build(config)
            except (OSError, ValueError, AssertionError) as error:
                # some errors of mmseg's data sets have no message
                reason = str(error) or (
                    'check that the list and the folder exist: '
                    f'{config.get("ann_file")!r} and '
                    f'{config.get("data_prefix", {}).get("img_path")!r}.')
                report.add(
                    'problem', 'dataset',
                    f'{key}: {config.type} of {config.get("data_root")!r} '
                    f'cannot be built: {reason}')
                continue
            unlabeled = isinstance(dataset, UnlabeledDataset)
            part = Part('unlabeled' if unlabeled else role, dataset, images)
            if not images:
                report.add(
                    'problem', 'dataset',
                    f'{part.role}: no images in '
                    f'{dataset.data_prefix["img_path"]!r}. Change data_prefix,'
                    ' img_suffix or ann_file.')
            _report_left_out(part, report)
            parts.append(part)
    _report_masks_as_photos(parts, report)
    return parts


def _build(config: dict) -> Tuple[object, List[dict]]:
    """Data set and its entries that the training uses.

    Entries without a mask are included, so that they can be reported.
    """
    if is_part_of_dataset(config):
        dataset = DATASETS.build(config)
        return dataset, [
            dataset.get_data_info(index) for index in range(len(dataset))
        ]
    dataset = build_lazily(config)
    dataset.needs_masks = False
    dataset.data_list = dataset.load_data_list()
    dataset.data_list = dataset.filter_data()
    if dataset._indices is not None:
        return dataset, dataset._get_unserialized_subset(dataset._indices)
    return dataset, dataset.data_list


def _report_left_out(part: Part, report: Report) -> None:
    texts = getattr(part.dataset, 'left_out_texts', list)()
    texts.append(getattr(part.dataset, 'left_out', ''))
    for text in filter(None, texts):
        report.add('warning', 'left_out', text)


def _report_masks_as_photos(parts: List[Part], report: Report) -> None:
    photos, labeled = ([
        info for part in parts if (part.role == 'unlabeled') == is_unlabeled
        for info in part.images
    ] for is_unlabeled in (True, False))
    for level, text, pairs in zip(
        ('problem', 'warning'),
        ('unlabeled images are masks of labeled images',
         'unlabeled images look like masks of labeled images'),
            masks_as_photos(photos, labeled)):
        report.add_all(level, 'mask_as_photo', text, (dict(
            path=printable(path), detail=f'the mask of {printable(image)}')
            for path, image in pairs))


def examine_all(parts: List[Part], processes: int) -> List[Part]:
    """Reads all images and masks; shows progress on stderr.

    Args:
        parts (list[Part]): Result of :func:`find_parts`.
        processes (int): Number of reading processes.

    Returns:
        list[Part]: The same data sets; ``images`` are results of
        :func:`examine`.
    """
    loaders = [(part.dataset.pipeline.transforms[0],
                find_transform(part.dataset, LoadAnnotations))
               for part in parts]
    tasks = [(index, info) for index, part in enumerate(parts)
             for info in part.images]
    cv2.setNumThreads(1)
    work = partial(examine, loaders=loaders)
    if processes > 1:
        found = track_parallel_progress(
            work, tasks, processes, chunksize=8, file=sys.stderr)
    else:
        found = track_progress(work, tasks, file=sys.stderr)
    results = iter(found)
    return [
        part._replace(images=[next(results) for _ in part.images])
        for part in parts
    ]


def check_images(part: Part, report: Report) -> None:
    """Reports unreadable, incomplete and small images of one data set."""
    unreadable = [
        dict(path=image['path'], detail=image['unreadable'])
        for image in part.images if 'unreadable' in image
    ]
    # UnlabeledDataset replaces a few of them by other images
    tolerated = getattr(part.dataset, 'max_unreadable_ratio', 0)
    report.add_all(
        'problem' if len(unreadable) > tolerated * len(part.images) else
        'warning', 'unreadable', f'{part.role} images cannot be read',
        unreadable)
    readable = _readable(part)
    report.add_all('warning', 'incomplete',
                   f'{part.role} images are cut off or damaged',
                   (dict(path=image['path'], detail=image['incomplete'])
                    for image in readable if image['incomplete']))
    crop = find_transform(
        part.dataset, (PairedRandomCrop, SharedRandomCrop, RandomCrop))
    if crop:
        high, wide = crop.crop_size
        report.add_all(
            'warning', 'small',
            f'{part.role} images are smaller than the crop ({wide} x {high}) '
            'before they are resized',
            (dict(path=image['path'], detail='{1} x {0}'.format(
                *image['size'])) for image in readable
             if image['size'][0] < high or image['size'][1] < wide))


def _readable(part: Part) -> List[dict]:
    return [image for image in part.images if 'size' in image]


def check_masks(part: Part, num_classes: int, report: Report) -> None:
    """Reports missing masks, wrong formats and sizes, and unknown ids."""
    masks = [image['mask'] for image in part.images if 'mask' in image]
    texts = dict(
        missing='masks do not exist',
        unreadable='masks cannot be read',
        format='masks are not single-channel 8-bit files',
        size='masks differ in size from their image')
    for key, text in texts.items():
        report.add_all('problem', f'mask_{key}', f'{part.role} {text}',
                       (dict(path=mask['path'], detail=mask[key])
                        for mask in masks if key in mask))
    foreign = []
    for mask in masks:
        ids = [
            i for i in mask.get('counts', ())
            if i >= num_classes and i != part.dataset.ignore_index
        ]
        if ids:
            pixels = sum(mask['counts'][i] for i in ids)
            listed = ', '.join(map(str, ids[:MAX_LISTED]))
            more = ', ...' if len(ids) > MAX_LISTED else ''
            foreign.append(
                dict(
                    path=mask['path'],
                    detail=f'ids {listed}{more} ({pixels} pixels)',
                    ids=ids))
    found = set().union(*(mask.get('counts', ()) for mask in masks))
    if found == {0, 255} and part.dataset.ignore_index == 255:
        report.add(
            'problem', 'mask_black_white',
            f'The {part.role} masks hold only 0 and 255, and 255 is ignored. '
            'In black and white masks, write 1 for the object.')
    report.add_all(
        'problem', 'mask_ids', f'{part.role} masks have ids outside the '
        f'classes (0 to {num_classes - 1}, {part.dataset.ignore_index} to '
        'ignore)', foreign)


def check_classes(cfg: Config, parts: List[Part],
                  report: Report) -> Tuple[int, List[dict]]:
    """Counts pixels and images of each class.

    Args:
        cfg (Config): Config of the training.
        parts (list[Part]): The data sets.
        report (Report): Receives the findings.

    Returns:
        tuple: Number of classes, and for each class its name and, by role,
        the number of its pixels, their share and the number of images.
    """
    labeled = [part for part in parts if part.role != 'unlabeled']
    num_classes = last_head(cfg.model).num_classes
    _compare_classes(labeled, report)
    names = _names_of_ids(labeled) or [str(i) for i in range(num_classes)]
    first = next((len(part.dataset.metainfo.get('classes') or ())
                  for part in labeled), 0) or len(names)
    if first != num_classes:
        report.add(
            'problem', 'num_classes',
            f'The data set has {first} classes, but '
            f'model.decode_head.num_classes={num_classes}.')
    shares = [dict(name=name) for name in names]
    for role in dict.fromkeys(part.role for part in labeled):
        pixels, images = Counter(), Counter()
        for part in labeled:
            for image in part.images if part.role == role else ():
                counts = image.get('mask', {}).get('counts', {})
                pixels.update(counts)
                images.update(counts.keys())
        total = sum(pixels[i] for i in range(len(names)))
        for i, row in enumerate(shares):
            row[role] = dict(
                pixels=pixels[i],
                share=pixels[i] / total if total else 0.,
                images=images[i])
        absent = [row['name'] for row in shares if not row[role]['pixels']]
        if absent:
            report.add('warning', 'absent_class',
                       f'{len(absent)} classes have no pixel in the {role} '
                       'masks: ' + ', '.join(absent[:2 * MAX_LISTED]) +
                       (', ...' if len(absent) > 2 * MAX_LISTED else ''))
    return num_classes, shares


def _compare_classes(labeled: List[Part], report: Report) -> None:
    """Reports ids that mean different classes in two data sets."""
    by_key = defaultdict(list)
    for part in labeled:
        key = 'train' if part.role == 'labeled' else part.role
        by_key[f'{key}_dataloader'].append(part.dataset)
    try:
        odd = check_class_names(by_key)
    except ValueError as error:
        report.add('problem', 'classes', str(error))
    else:
        for text in dict.fromkeys(odd):
            report.add('warning', 'classes', text)


def _names_of_ids(labeled: List[Part]) -> List[str]:
    """Name of each id, with all names if data sets differ."""
    found: List[dict] = []
    for part in labeled:
        try:
            names = class_names(part.dataset)
        except ValueError:  # a single string, which is already reported
            names = (part.dataset.metainfo['classes'], )
        for number, name in enumerate(names):
            if number == len(found):
                found.append({})
            found[number][str(name)] = None
    return [' / '.join(names) for names in found]


def check_copies(parts: List[Part], report: Report) -> None:
    """Reports images that occur twice, compared by their decoded pixels."""
    by_role: Dict[str, dict] = defaultdict(lambda: defaultdict(list))
    for part in parts:
        for image in _readable(part):
            by_role[part.role][image['digest']].append(image['path'])
    for role, found in by_role.items():
        report.add_all('warning', 'duplicate', f'{role} images are copies',
                       (dict(path=path, detail=f'same as {paths[0]}')
                        for paths in found.values() for path in paths[1:]))
    for role, other, text in (
        ('labeled', 'unlabeled', 'labeled images are also unlabeled'),
        ('val', 'unlabeled', 'validation images are also unlabeled'),
        ('val', 'labeled', 'validation images are also trained on'),
        ('test', 'labeled', 'test images are also trained on')):
        shared = by_role[role].keys() & by_role[other].keys()
        # in the full setting all labeled images are also unlabeled
        if role == 'labeled' and len(shared) == len(by_role[role]):
            continue
        report.add_all('warning', f'{role}_in_{other}', text,
                       (dict(
                           path=paths[0],
                           detail=f'same as {by_role[other][digest][0]}')
                        for digest, paths in by_role[role].items()
                        if digest in shared))


def check_pairs(part: Part, report: Report) -> Optional[dict]:
    """Reports images from which no pair of crops can be cut.

    Args:
        part (Part): Unlabeled images.
        report (Report): Receives the findings.

    Returns:
        dict | None: ``feasible``, the share of the images that allow a pair
        at every size they may be resized to, and ``different``, the share of
        draws that allow two different crops. None if they are unknown, or if
        no pairs are cut.
    """
    crop = find_transform(part.dataset, PairedRandomCrop)
    if crop is None:
        return None
    before = part.dataset.pipeline.transforms[1:]
    before = before[:before.index(crop)]
    images = _readable(part)
    if not images or not all(
            isinstance(transform, RandomResize)
            and isinstance(transform.ratio_range, (tuple, list))
            for transform in before) or len(before) > 1:
        return None
    choices = {
        size: [
            len(
                feasible_offsets(resized, crop.crop_size, crop.iou_range,
                                 crop.stride))
            for resized in _resized(size, *before)
        ]
        for size in {image['size']
                     for image in images}
    }
    infeasible = [image for image in images if 0 in choices[image['size']]]
    report.add_all(
        'problem', 'no_pair', 'images allow no pair of crops within '
        f'iou_range={crop.iou_range} at some size they are resized to',
        (dict(path=image['path'], detail='{1} x {0}'.format(*image['size']))
         for image in infeasible))
    different = np.mean(
        [np.greater(choices[image['size']], 1) for image in images])
    if different < 0.5:
        report.add(
            'warning', 'same_crops',
            f'Only {different:.0%} of the draws allow two different crops: '
            f'crop_size={crop.crop_size} is large for these images.')
    return dict(
        feasible=1 - len(infeasible) / len(images), different=float(different))


def _resized(size: tuple, resize=None) -> Iterator[tuple]:
    """Sizes over the range of RandomResize, in ascending order."""
    if resize is None:
        yield size
        return
    for ratio in np.linspace(*resize.ratio_range, RATIOS_TRIED):
        scale = tuple(int(side * ratio) for side in resize.scale)
        if resize.resize.keep_ratio:
            scale = rescale_size(size[::-1], scale)
        yield scale[::-1]


def overview(part: Part, pairs: Optional[dict]) -> dict:
    """Number and sizes of the images of one data set."""
    sizes = np.array([image['size'] for image in _readable(part)])
    wide, high = ((sizes[:, axis].min(), sizes[:, axis].max())
                  if len(sizes) else (0, 0) for axis in (1, 0))
    return dict(
        role=part.role,
        images=len(part.images),
        readable=len(sizes),
        widths=[int(side) for side in wide],
        heights=[int(side) for side in high],
        pairs=pairs)
