"""Make a small semi-supervised segmentation data set in half a minute.

Clip-art objects of seven PASCAL VOC classes are pasted over crops of the
photographs that scikit-image and scikit-learn ship, so nothing has to be
downloaded. The few labeled images are biased: objects are mostly in their
favourite places there, while the unlabeled and validation images show every
class everywhere. Training images use the left 60 % of each photograph,
validation images the rest.

The folder has the layout of VOC2012, and masks hold VOC's class ids::

    JPEGImages/            all images
    SegmentationClass/     masks of the labeled and validation images
    SegmentationClassAug/  masks of all images
    ImageSets/Segmentation/{train_labeled,train_unlabeled,val,train_aug}.txt
    demo.json              the arguments; written last

README: SegmentationClassAug holds the masks of the unlabeled images too.
Only an oracle run (all labels, list ``train_aug``) may read it.

Example:
    python tools/paper/make_demo_dataset.py --preview demo.png
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
import json
import shutil
from pathlib import Path
from typing import Dict, List, Optional, Sequence

import cv2
import numpy as np
from demo_scenes import DEMO_CLASSES, SPLITS, Photos, load_photos, make_sample
from mmengine.utils import track_iter_progress
from PIL import Image

from mmseg_dcc.utils.mask_image import voc_palette

__all__ = ['DEMO_CLASSES', 'make_dataset', 'write_preview']

# Changes whenever the same arguments would no longer give the same images.
RECIPE = 1
MASK_FOLDERS = ('SegmentationClass', 'SegmentationClassAug')
OUR_FOLDERS = ('JPEGImages', *MASK_FOLDERS, 'ImageSets')
MARK, UNFINISHED_MARK = 'demo.json', 'demo.json.unfinished'


def write_image(path: Path, image: np.ndarray) -> None:
    """Write an RGB image as JPEG of quality 95."""
    # Encoding apart from writing: cv2.imwrite fails without an exception.
    _, data = cv2.imencode('.jpg', cv2.cvtColor(image, cv2.COLOR_RGB2BGR),
                           (cv2.IMWRITE_JPEG_QUALITY, 95))
    path.write_bytes(data.tobytes())


def write_mask(path: Path, mask: np.ndarray) -> None:
    """Write a mask of class ids as PNG with VOC's palette."""
    picture = Image.fromarray(mask)
    picture.putpalette(voc_palette().tobytes())
    picture.save(path)


def sample_bias(split: str, bias: float) -> float:
    """Bias of a split; only the labeled images are biased."""
    return bias if split == 'labeled' else 0.


def write_images(out_dir: Path, split: str, count: int,
                photos: Dict[str, Photos], *, seed: int, bias: float,
                size: int) -> List[str]:
    """Write images, masks and list of a split; return the image names."""
    folders = MASK_FOLDERS[1:] if split == 'unlabeled' else MASK_FOLDERS
    names = [f'{split}_{index:05d}' for index in range(count)]
    print(f'{count} {split} images')
    for index in track_iter_progress(range(count)):
        sample = make_sample(photos[SPLITS[split].photo_part], split, index,
                             seed=seed, bias=sample_bias(split, bias),
                             size=size)
        write_image(out_dir / 'JPEGImages' / f'{names[index]}.jpg',
                    sample.image)
        for folder in folders:
            write_mask(out_dir / folder / f'{names[index]}.png', sample.mask)
    print()
    write_list(out_dir, SPLITS[split].list_name, names)
    return names


def write_list(out_dir: Path, list_name: str, names: Sequence[str]) -> None:
    """Write a list of image names, one per line."""
    path = out_dir / 'ImageSets' / 'Segmentation' / f'{list_name}.txt'
    path.write_text(''.join(f'{name}\n' for name in names))


def is_complete(out_dir: Path, arguments: dict, overwrite: bool) -> bool:
    """Whether the data set exists already.

    Args:
        out_dir (Path): Root of the data set.
        arguments (dict): Arguments that determine the data set.
        overwrite (bool): Whether a data set made with other arguments may
            be replaced.

    Raises:
        FileExistsError: If the folder holds anything else.
    """
    mark = out_dir / MARK
    if mark.is_file():
        found = json.loads(mark.read_text())
        if found == arguments or overwrite:
            return found == arguments
        differing = ', '.join(
            f'{key} (asked for {arguments.get(key)}, found {found.get(key)})'
            for key in sorted({*found, *arguments})
            if found.get(key) != arguments.get(key))
        raise FileExistsError(
            f'{out_dir} holds a demo data set made with other arguments: '
            f'{differing}. Delete the folder, pass --overwrite, or choose '
            'another --out-dir.')
    if out_dir.is_dir() and any(out_dir.iterdir()) and not (
            out_dir / UNFINISHED_MARK).is_file():
        raise FileExistsError(
            f'{out_dir} is not empty and was not made by this tool. Choose '
            'another --out-dir.')
    return False


def clear_folder(out_dir: Path) -> None:
    """Remove an older data set, keep other files, and make the folders."""
    out_dir.mkdir(parents=True, exist_ok=True)
    # First, so that an interrupted run is recognised by the next one.
    (out_dir / UNFINISHED_MARK).write_text('')
    (out_dir / MARK).unlink(missing_ok=True)
    for folder in OUR_FOLDERS:
        shutil.rmtree(out_dir / folder, ignore_errors=True)
        (out_dir / folder).mkdir()
    (out_dir / 'ImageSets' / 'Segmentation').mkdir()


def make_dataset(out_dir: Path, *, seed: int = 0, num_labeled: int = 50,
                 num_unlabeled: int = 1200, num_val: int = 200,
                 image_size: int = 96, bias: float = .9,
                 overwrite: bool = False) -> bool:
    """Write the whole data set, unless it exists already.

    Args:
        out_dir (Path): Root of the data set, laid out as VOC2012.
        seed (int): Seed, 0 or above. Defaults to 0.
        num_labeled (int): Defaults to 50, few enough that the unlabeled
            images have something to add.
        num_unlabeled (int): Defaults to 1200, many more than labeled, as
            the method expects.
        num_val (int): Defaults to 200.
        image_size (int): Side in pixels. Defaults to 96.
        bias (float): Probability that an object of a labeled image is put
            in one of its favourite places on purpose. Defaults to 0.9.
        overwrite (bool): Replace a data set made with other arguments.
            Defaults to False.

    Returns:
        bool: False if it was complete and nothing was written.
    """
    counts = dict(labeled=num_labeled, unlabeled=num_unlabeled, val=num_val)
    check_arguments(counts, seed, image_size, bias)
    arguments = dict(recipe=RECIPE, seed=seed, num_labeled=num_labeled,
                     num_unlabeled=num_unlabeled, num_val=num_val,
                     image_size=image_size, bias=bias)
    if is_complete(out_dir, arguments, overwrite):
        return False
    # Before anything is removed, since a photograph may be missing.
    photos = {part: load_photos(part) for part in ('train', 'val')}
    clear_folder(out_dir)
    names = {
        split: write_images(out_dir, split, count, photos, seed=seed,
                           bias=bias, size=image_size)
        for split, count in counts.items()
    }
    write_list(out_dir, 'train_aug', names['labeled'] + names['unlabeled'])
    unfinished = out_dir / UNFINISHED_MARK
    unfinished.write_text(json.dumps(arguments, indent=2) + '\n')
    unfinished.rename(out_dir / MARK)
    return True


def check_arguments(counts: Dict[str, int], seed: int, image_size: int,
                    bias: float) -> None:
    """Raise if an argument is out of range."""
    for split, count in counts.items():
        if count < 1:
            raise ValueError(f'--num-{split} must be 1 or above, but got '
                             f'{count}.')
    if seed < 0:
        raise ValueError(f'--seed must be 0 or above, but got {seed}.')
    if image_size < 32:
        raise ValueError('--image-size must be 32 pixels or above, because '
                         'objects cannot be recognised below, but got '
                         f'{image_size}.')
    if not 0 <= bias <= 1:
        raise ValueError('--bias is a probability between 0 and 1, but got '
                         f'{bias}.')


def write_preview(path: Path, *, seed: int = 0, bias: float = .9,
                  image_size: int = 96, columns: int = 10) -> None:
    """Write a contact sheet: two double rows of images and masks per split.

    Args:
        path (Path): Picture file to write.
        seed (int): Seed of the data set. Defaults to 0.
        bias (float): Bias of the labeled images. Defaults to 0.9.
        image_size (int): Side of one image in pixels. Defaults to 96.
        columns (int): Images per row. Defaults to 10.
    """
    palette = voc_palette()
    rows = []
    for split, (_, part, _) in SPLITS.items():
        photos = load_photos(part)
        for start in (0, columns):
            samples = [
                make_sample(photos, split, index, seed=seed, size=image_size,
                            bias=sample_bias(split, bias))
                for index in range(start, start + columns)
            ]
            rows.append(np.hstack([sample.image for sample in samples]))
            rows.append(np.hstack([palette[sample.mask]
                                   for sample in samples]))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.vstack(rows)).save(path)


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description='Make a small semi-supervised segmentation data set in '
        'the layout of PASCAL VOC.',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('--out-dir', type=Path, default=Path('data/demo'),
                        help='root of the data set')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--num-labeled', type=int, default=50)
    parser.add_argument('--num-unlabeled', type=int, default=1200)
    parser.add_argument('--num-val', type=int, default=200)
    parser.add_argument('--image-size', type=int, default=96,
                        help='side in pixels')
    parser.add_argument('--bias', type=float, default=.9,
                        help='how often an object of a labeled image stands '
                        'in a favourite place on purpose')
    parser.add_argument('--overwrite', action='store_true',
                        help='replace a data set made with other arguments')
    parser.add_argument('--preview', type=Path,
                        help='also write a contact sheet to this file')
    return parser.parse_args(argv)


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command line."""
    options = vars(parse_args(argv))
    preview, out_dir = options.pop('preview'), options['out_dir']
    # On images this small, threads cost more than they save.
    cv2.setNumThreads(1)
    try:
        written = make_dataset(**options)
        if preview:
            write_preview(preview, seed=options['seed'], bias=options['bias'],
                          image_size=options['image_size'])
    except (OSError, ValueError, ModuleNotFoundError) as error:
        raise SystemExit(f'make_demo_dataset: {error}') from error
    print(f'{out_dir} is complete.' if written else
          f'{out_dir} is complete already, nothing to do.')


if __name__ == '__main__':
    main()
