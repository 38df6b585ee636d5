"""Data sets of a few images in the exact layout of the real ones."""
from pathlib import Path

import numpy as np
from PIL import Image


def _image(rng, size):
    blocks = rng.integers(0, 255, (size[0] // 8, size[1] // 8, 3), np.uint8)
    return Image.fromarray(blocks.repeat(8, 0).repeat(8, 1))


def _mask(rng, size, num_classes):
    blocks = rng.integers(0, num_classes, (size[0] // 8, size[1] // 8),
                          np.uint8)
    mask = Image.fromarray(blocks.repeat(8, 0).repeat(8, 1))
    mask.putpalette([value for value in range(256) for _ in range(3)])
    return mask


def _save(image, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def _write(path, names):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(''.join(f'{name}\n' for name in names))


def _write_splits(folder, names, num_labeled):
    for ratio in ('1-16', '1-8', '1-4'):
        _write(folder / f'{ratio}_seed0_labeled.txt', names[:num_labeled])
        _write(folder / f'{ratio}_seed0_unlabeled.txt', names[num_labeled:])
    for part in ('labeled', 'unlabeled'):
        _write(folder / f'full_seed0_{part}.txt', names)
    _write(folder / '1464_labeled.txt', names[:num_labeled])
    _write(folder / '1464_unlabeled.txt', names[num_labeled:])


def make_voc(root: Path, num_train=10, num_val=2, size=(96, 128)) -> None:
    """Tiny PASCAL VOC; ``root`` is VOC2012."""
    rng = np.random.default_rng(0)
    train = [f'2007_{i:06d}' for i in range(num_train)]
    val = [f'2008_{i:06d}' for i in range(num_val)]
    for name in train + val:
        _save(_image(rng, size), root / f'JPEGImages/{name}.jpg')
    for name in train:
        mask = _mask(rng, size, 21)
        for folder in ('ClassAug', 'WeakR50', 'WeakVGG16'):
            _save(mask, root / f'Segmentation{folder}/{name}.png')
    for name in val:
        _save(_mask(rng, size, 21), root / f'SegmentationClass/{name}.png')
    lists = root / 'ImageSets/Segmentation'
    _write(lists / 'train_aug.txt', train)
    _write(lists / 'val.txt', val)
    _write_splits(lists / 'dcc', train, 4)


def make_cityscapes(root: Path, num_train=6, size=(96, 192)) -> None:
    rng = np.random.default_rng(0)
    names = {
        'train': [f'aachen/aachen_{i:06d}_000019' for i in range(num_train)],
        'val': ['ulm/ulm_000000_000019']
    }
    for part, stems in names.items():
        for stem in stems:
            _save(
                _image(rng, size),
                root / f'leftImg8bit/{part}/{stem}_leftImg8bit.png')
            _save(
                _mask(rng, size, 19),
                root / f'gtFine/{part}/{stem}_gtFine_labelTrainIds.png')
    _write_splits(root / 'splits/dcc', names['train'], 4)


def _make_voc_layout(root, names, num_classes, size):
    """VOC layout in which all images are labeled, also those of validation."""
    rng = np.random.default_rng(0)
    for name in names:
        _save(_image(rng, size), root / f'JPEGImages/{name}.jpg')
        _save(_mask(rng, size, num_classes),
              root / f'SegmentationClass/{name}.png')
    for part in ('train', 'val'):
        _write(root / f'ImageSets/Segmentation/{part}.txt', names)
    _write_splits(root / 'ImageSets/Segmentation/dcc', names, 4)


def make_camvid(root: Path, num_train=6, size=(72, 96)) -> None:
    names = [f'0001TP_{i:06d}' for i in range(num_train)]
    _make_voc_layout(root, names, 11, size)


def make_ccp(root: Path, num_train=6, size=(104, 72)) -> None:
    names = [f'{i:04d}' for i in range(1, num_train + 1)]
    _make_voc_layout(root, names, 12, size)


def make_msrc21(root: Path, num_train=6, size=(72, 104)) -> None:
    names = [f'{i}_10_s' for i in range(1, num_train + 1)]
    _make_voc_layout(root, names, 21, size)


def make_demo(root: Path, num_train=8, size=(96, 96)) -> None:
    """Layout of the demo, without the photographs that it is made from."""
    rng = np.random.default_rng(0)
    names = [f'image_{i:05d}' for i in range(num_train)]
    ids = np.array([0, 1, 3, 4, 5, 7, 15, 16], np.uint8)
    for name in names:
        _save(_image(rng, size), root / f'JPEGImages/{name}.jpg')
        weak = _mask(rng, size, 8)
        mask = Image.fromarray(ids[np.array(weak)])
        _save(mask, root / f'SegmentationClass/{name}.png')
        _save(mask, root / f'SegmentationClassAug/{name}.png')
        _save(weak, root / f'SegmentationWeak/{name}.png')
    lists = root / 'ImageSets/Segmentation'
    _write(lists / 'train_labeled.txt', names[:4])
    _write(lists / 'train_unlabeled.txt', names[4:])
    _write(lists / 'train_aug.txt', names)
    _write(lists / 'val.txt', names[:2])


def make_own(root: Path, num_labeled=6, size=(96, 128)) -> None:
    """Own data: nested folders, mixed types, two classes, no lists.

    The second and the fourth labeled image are drawn for validation.
    """
    rng = np.random.default_rng(0)
    suffixes = ('.jpg', '.PNG', '.bmp')
    for i in range(num_labeled):
        name = f'site_{i % 2}/frame_{i:03d}'
        _save(_image(rng, size),
              root / f'labeled/images/{name}{suffixes[i % 3]}')
        _save(_mask(rng, size, 2), root / f'labeled/masks/{name}.png')
    for name in ('a.jpg', 'deep/er/b.webp', 'deep/c.tif', 'd.PNG'):
        _save(_image(rng, size), root / f'unlabeled/{name}')


def make_photos(root: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ('a.jpg', 'deep/er/b.PNG', 'deep/c.jpeg'):
        _save(_image(rng, (120, 160)), root / name)
