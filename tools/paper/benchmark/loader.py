"""Times the unlabeled pipeline against a loader like the published one.

The reference is a plain implementation of what the published loader does:
decoding and bicubic resizing in Pillow, up to 50 tries for the second crop,
colour jitter of Pillow images, and normalised floats as output of the worker
(ours sends bytes and normalises on the device). It does not read the mask,
which the published loader reads without need. Both resize to the same sizes
and must agree on the geometry before they are timed. One thread, process
time, median of several.

Example:
    python tools/paper/benchmark/loader.py --json loader.json
    python tools/paper/benchmark/loader.py --image-dir data/photos --images 50
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
import random
import tempfile
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from measure import median_seconds, print_table, write_json
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.utils import scandir
from mmseg.registry import TRANSFORMS
from PIL import Image, ImageEnhance

import mmseg_dcc  # noqa: F401
from mmseg_dcc.structures import ViewInfo

FRAGMENT = Path(__file__).parents[3] / 'configs/_base_/methods/dcc.py'
PHOTO_SIZE, LONG_SIDE, CROP, STRIDE, TRIES = (375, 500), 400, 320, 8, 50
IOU_RANGE, RATIO_RANGE = (0.1, 1.0), (0.8, 2.0)
MEAN, STD = (
    torch.tensor(values).view(3, 1, 1)
    for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


class PublishedScheme:
    """Reference loader: what the published one does with an unlabeled image.

    Args:
        augment (bool): Whether to flip and to change colours.
        step_prob (float): Probability of each step of a jitter; published: 1.
    """

    def __init__(self, augment=True, step_prob=1):
        self.augment = augment
        self.step_prob = step_prob

    def __call__(self, path):
        image = self.resized(path)
        size = image.shape[:2]
        below, right = (max(CROP - side, 0) for side in size)
        if below or right:
            padding = [255 * mean for mean in MEAN.flatten().tolist()]
            image = cv2.copyMakeBorder(
                image,
                0,
                below,
                0,
                right,
                cv2.BORDER_CONSTANT,
                value=padding)
        corners = self.corners(size)
        crops = []
        for top, left in corners:
            crop = image[top:top + CROP, left:left + CROP].copy()
            if self.augment:
                crop = self.augmented(crop)
            crops.append(self.tensor(crop))
        return torch.stack(crops), size, corners

    @staticmethod
    def resized(path):
        image = np.asarray(Image.open(path))
        # the first draw, as in our pipeline: both get the same sizes
        low, high = RATIO_RANGE
        side = int(LONG_SIDE * (np.random.random_sample() *
                                (high - low) + low))
        scale = side / max(image.shape)
        height, width = (int(s * scale + 0.5) for s in image.shape[:2])
        return np.asarray(
            Image.fromarray(image).resize((width, height), Image.BICUBIC))

    @staticmethod
    def corners(size):

        def draw():
            return [random.randint(0, max(side - CROP, 0)) for side in size]

        first = draw()
        for _ in range(TRIES):
            second = [
                a + (b - a) // STRIDE * STRIDE for a, b in zip(first, draw())
            ]
            second = [b + STRIDE if b < 0 else b for b in second]
            height, width = (
                max(CROP - abs(a - b), 0) for a, b in zip(first, second))
            shared = height * width
            iou = shared / (2 * CROP * CROP - shared)
            if IOU_RANGE[0] <= iou <= IOU_RANGE[1]:
                return first, second
        return first, first

    def augmented(self, crop):
        if random.random() < 0.5:
            crop = np.fliplr(crop)
        crop = np.asarray(Image.fromarray(crop))
        if random.random() < 0.5:
            crop = cv2.GaussianBlur(crop, (5, 5), 0)
        image = Image.fromarray(crop)
        if random.random() < 0.8:
            image = self.jittered(image)
        if random.random() < 0.2:
            image = Image.fromarray(np.dstack([np.array(image.convert('L'))] *
                                              3))
        return np.array(image)

    def jittered(self, image):
        steps = [
            ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color,
            None
        ]
        random.shuffle(steps)
        for step in steps:
            if random.random() >= self.step_prob:
                continue
            if step is None:
                image = self.with_other_hue(image)
            else:
                image = step(image).enhance(random.uniform(0.6, 1.4))
        return image

    @staticmethod
    def with_other_hue(image):
        hue, saturation, value = image.convert('HSV').split()
        shift = round(random.uniform(-0.1, 0.1) * 255) % 256
        hue = Image.fromarray(np.array(hue) + np.uint8(shift))
        return Image.merge('HSV', (hue, saturation, value)).convert('RGB')

    @staticmethod
    def tensor(crop):
        image = torch.from_numpy(crop).permute(2, 0, 1).contiguous()
        return image.float().div(255).sub_(MEAN).div_(STD)


def build(transforms):
    """Builds transforms of the fragment; the result takes an image path."""
    pipeline = Compose([TRANSFORMS.build(config) for config in transforms])
    return lambda path: pipeline(dict(img_path=path))


def normalised(packed):
    """Normalised images, as the data preprocessor makes them on the device."""
    images = packed['inputs'][:, [2, 1, 0]].float()
    return (images - 255 * MEAN) / (255 * STD)


def seed(value):
    np.random.seed(value)
    random.seed(value)


def check_geometry(paths, published, resized, pair):
    """Raises unless both loaders show the same, without augmentation."""
    for i, path in enumerate(paths):
        seed(i)
        expected = published.resized(path)
        seed(i)
        got = resized(path)['img'][:, :, ::-1]
        np.testing.assert_equal(got.shape, expected.shape)
        # bilinear against bicubic with antialiasing
        difference = np.abs(got.astype(np.float32) - expected).mean()
        np.testing.assert_array_less(difference, 10)

        seed(i)
        crops, size, corners = published(path)
        valid = (0, 0, *(min(side, CROP) for side in size))
        infos = [
            ViewInfo((top, left, top + CROP, left + CROP), valid)
            for top, left in corners
        ]
        packed = pair(path)
        np.testing.assert_equal(packed['inputs'].shape, crops.shape)
        for pair_of_crops, (info1, info2) in (
            (crops, infos),
            (packed['inputs'], packed['data_samples'].views.values())):
            box1, box2 = info1.shared(info2)
            torch.testing.assert_close(
                info1.cut(pair_of_crops[0], box1),
                info2.cut(pair_of_crops[1], box2))


def make_photos(folder, count):
    """Writes windows of two photographs, of the size of VOC images."""
    from sklearn.datasets import load_sample_images
    rng = np.random.default_rng(0)
    photos = load_sample_images().images
    for i in range(count):
        photo = photos[i % len(photos)]
        top, left = (
            rng.integers(whole - side + 1)
            for whole, side in zip(photo.shape, PHOTO_SIZE))
        window = photo[top:top + PHOTO_SIZE[0], left:left + PHOTO_SIZE[1]]
        Image.fromarray(window).save(f'{folder}/{i}.jpg', quality=95)


def measure(paths, draws, repeats):
    """Rows of the table: milliseconds per image of both loaders."""
    load, resize, crop, views, pack = Config.fromfile(
        FRAGMENT).dcc_unlabeled_pipeline
    plain = dict(
        type='MultiView',
        views=dict(a=dict(window=0), b=dict(window=1)))
    resized = build([load, resize])
    pair = build([load, resize, crop, plain, pack])
    full = build([load, resize, crop, views, pack])
    published = PublishedScheme()
    published_pair = PublishedScheme(augment=False)
    check_geometry(paths, published_pair, resized, pair)
    # ours does each step of a jitter in one of two cases only
    equal_jitter = PublishedScheme(step_prob=0.5)
    loaders = {
        'decode, resize': (published.resized, resized),
        'and crop': (published_pair, pair),
        'and augment (all)': (published, full),
        'all, as few jitter steps': (equal_jitter, full),
        'all, as few, ours normalised too':
        (equal_jitter, lambda path: normalised(full(path))),
    }

    def load_all(loader):
        for i in range(draws * len(paths)):
            seed(i)
            loader(paths[i % len(paths)])

    seconds = median_seconds(
        {(name, side): lambda loader=loader: load_all(loader)
         for name, both in loaders.items()
         for side, loader in zip(('published', 'ours'), both)}, repeats)
    milliseconds = {
        key: 1000 * value / draws / len(paths)
        for key, value in seconds.items()
    }
    return [{
        'what': name,
        'published (ms)': milliseconds[name, 'published'],
        'ours (ms)': milliseconds[name, 'ours'],
        'ours (images/s)': 1000 / milliseconds[name, 'ours'],
        'times faster':
        milliseconds[name, 'published'] / milliseconds[name, 'ours']
    } for name in loaders]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        '--image-dir', help='folder of JPEG files instead of generated ones')
    parser.add_argument('--images', type=int, default=8)
    parser.add_argument(
        '--draws', type=int, default=8, help='how often each image is loaded')
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--json', help='also write the figures to this file')
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    init_default_scope('mmseg')
    with tempfile.TemporaryDirectory() as generated:
        folder = args.image_dir or generated
        if not args.image_dir:
            make_photos(folder, args.images)
        names = scandir(folder, ('.jpg', '.jpeg'), True, case_sensitive=False)
        paths = [f'{folder}/{name}' for name in islice(names, args.images)]
        if not paths:
            parser.error(f'--image-dir {folder} holds no JPEG files')
        rows = measure(paths, args.draws, args.repeats)
    print_table(
        rows, {
            'published (ms)': '.1f',
            'ours (ms)': '.1f',
            'ours (images/s)': '.0f',
            'times faster': '.1f'
        })
    write_json(args.json, dict(rows=rows))


if __name__ == '__main__':
    main()
