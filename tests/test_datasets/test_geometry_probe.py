"""Tests of ``mmseg_dcc/datasets/geometry_probe.py``."""
import io
import random

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS
from PIL import Image

from mmseg_dcc.datasets import UnlabeledDataset
from mmseg_dcc.datasets.geometry_probe import probe_views
from tests.optional_packages import needs_mmpretrain
from tests.torchvision_operators import make_importable

FLIP = dict(type='RandomFlip', prob=0.5)
FLIP_UP = dict(type='RandomFlip', prob=0.5, direction='vertical')


class LoadArray(BaseTransform):
    """Transform that replaces the pixels of a file."""

    def __init__(self, shape, dtype):
        self.image = np.random.default_rng(0).uniform(
            0, 255 if dtype == 'uint8' else 1, shape).astype(dtype)

    def transform(self, results):
        return dict(
            results, img=self.image, img_shape=self.image.shape[:2])


def dataset(folder, views, crop=192, load=None, crop_type='SharedRandomCrop'):
    Image.new('RGB', (200, 180), (90, 10, 60)).save(folder / 'a.png')
    if isinstance(views, list):
        views = dict(a=views)
    return UnlabeledDataset(
        data_root=str(folder),
        pipeline=[
            load or dict(type='LoadImageFromFile'),
            dict(type=crop_type, crop_size=crop),
            dict(type='MultiView', views=views),
            dict(type='PackViews')
        ])


def on_image(function):
    """Transform that changes only the image."""

    def transform(results):
        return dict(results, img=function(results['img']))

    return transform


def sometimes(function):
    return on_image(lambda image: function(image)
                    if np.random.rand() < 0.5 else image)


def remapped(offsets):
    """Moves each pixel by ``offsets(rows, columns)``."""

    def remap(image):
        rows, columns = np.indices(image.shape[:2], np.float32)
        down, right = offsets(rows, columns)
        return cv2.remap(
            image, (columns + right).astype(np.float32),
            (rows + down).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT)

    return on_image(remap)


def elastic(rows, columns):
    """Elastic transform as in albumentations with alpha=120, sigma=6."""
    return [
        120 * cv2.GaussianBlur(
            np.random.uniform(-1, 1, rows.shape).astype(np.float32), (0, 0),
            6) for _ in range(2)
    ]


def zoomed_about_the_middle(factor):
    return remapped(lambda rows, columns: (
        (rows - rows.mean()) * (1 / factor - 1),
        (columns - columns.mean()) * (1 / factor - 1)))


def resized_and_cropped(results):
    for transform in (dict(
            type='RandomResize', scale=(192, 192), ratio_range=(1.3, 2.)),
                      dict(type='RandomCrop', crop_size=(192, 192))):
        results = TRANSFORMS.build(transform)(results)
    return results


MOVING = {
    'RandomRotate': dict(type='RandomRotate', prob=0.5, degree=10),
    'RandomRotate, rare': dict(type='RandomRotate', prob=0.001, degree=10),
    'RandomRotFlip': dict(type='RandomRotFlip'),
    'Resize': dict(type='Resize', scale=(64, 64)),
    'RandomResize': dict(
        type='RandomResize', scale=(192, 192), ratio_range=(0.5, 2.)),
    'CenterCrop': dict(type='CenterCrop', crop_size=(100, 100)),
    'Pad': dict(type='Pad', size=(224, 224)),
    'resized_and_cropped': resized_and_cropped,
    'shift right': remapped(lambda rows, columns: (0 * rows, -5)),
    'shift down': remapped(lambda rows, columns: (-5, 0 * columns)),
    'shift far': on_image(lambda image: np.roll(image, 40, 0)),
    'shift by a JPEG block': on_image(lambda image: np.roll(image, 8, 1)),
    'zoom in': zoomed_about_the_middle(1.2),
    'zoom out': zoomed_about_the_middle(0.8),
    'elastic': remapped(elastic),
    'quarter turn': sometimes(np.rot90),
    'transposed': sometimes(lambda image: image.swapaxes(0, 1)),
    'mirrored': sometimes(lambda image: image[:, ::-1].copy()),
    'turned': sometimes(lambda image: image[::-1, ::-1]),
    'halves exchanged': on_image(
        lambda image: np.roll(image, len(image) // 2, 0)),
    'mirrored and inverted': on_image(lambda image: 255 - image[:, ::-1]),
}


@pytest.mark.parametrize('name', MOVING)
def test_moved_pixels_are_refused(tmp_path, name):
    transform = MOVING[name]
    kind = transform['type'] if isinstance(
        transform, dict) else transform.__name__
    message = (f'^{kind} in MultiView.views.strong (moves|changes)'
               '(.|\n)*before PairedRandomCrop or SharedRandomCrop')
    views = dict(weak=[FLIP], strong=[FLIP, transform])
    with pytest.raises(ValueError, match=message):
        probe_views(dataset(tmp_path, views))


@pytest.mark.parametrize('crop', [16, 320])
@pytest.mark.parametrize('name', [
    'RandomRotate', 'zoom out', 'quarter turn', 'mirrored', 'shift right'])
def test_moved_pixels_are_refused_at_any_size(tmp_path, name, crop):
    with pytest.raises(ValueError, match='moves pixels'):
        probe_views(dataset(tmp_path, [MOVING[name]], crop))


@pytest.mark.parametrize('second', [FLIP, FLIP_UP])
@pytest.mark.parametrize('wrap', [
    lambda *flips: [*flips],
    lambda *flips: [dict(type='RandomApply', transforms=[*flips])],
    lambda *flips: [
        dict(type='RandomChoice', transforms=[[flips[0]]]), flips[1]
    ],
])
def test_second_flip_is_refused(tmp_path, wrap, second):
    with pytest.raises(ValueError, match='RandomFlip(.|\n)*flipped once'):
        probe_views(dataset(tmp_path, wrap(FLIP, second)))


@pytest.mark.parametrize('flip', [
    FLIP, FLIP_UP,
    dict(type='RandomFlip', prob=1., direction='diagonal'),
    dict(
        type='RandomFlip',
        prob=[0.2, 0.3, 0.4],
        direction=['horizontal', 'vertical', 'diagonal']),
    dict(type='RandomChoice', transforms=[[FLIP], [FLIP_UP]]),
    dict(
        type='RandomApply',
        transforms=[dict(type='PhotoMetricDistortion'), FLIP]),
])
def test_one_flip_passes(tmp_path, flip):
    after = [dict(type='RandomGaussianBlur'), dict(type='FastRandomGrayscale')]
    probe_views(dataset(tmp_path, [flip, *after]))


def test_transforms_in_wrappers_are_named(tmp_path):
    views = [
        dict(
            type='RandomChoice',
            prob=[0.9999, 0.0001],
            transforms=[[FLIP],
                        [
                            dict(
                                type='RandomApply',
                                prob=0.001,
                                transforms=[MOVING['RandomRotate, rare']])
                        ]])
    ]
    with pytest.raises(
            ValueError,
            match='^RandomChoice > RandomApply > RandomRotate in .*views.a '):
        probe_views(dataset(tmp_path, views))


def noise(image, strength=60):
    return np.clip(image + np.random.normal(0, strength, image.shape), 0,
                   255).astype(np.uint8)


def jpeg(image, quality=10):
    file = io.BytesIO()
    Image.fromarray(image).save(file, 'JPEG', quality=quality)
    return np.array(Image.open(file))


def halved_and_back(image):
    size = image.shape[1::-1]
    small = cv2.resize(image, (size[0] // 2, size[1] // 2))
    return cv2.resize(small, size, interpolation=cv2.INTER_NEAREST)


def erased(image):
    """Replaces a third of the image by noise."""
    image = image.copy()
    height, width = (int(0.55 * side) for side in image.shape[:2])
    top, left = (np.random.randint(side - part + 1)
                 for side, part in zip(image.shape, (height, width)))
    image[top:top + height, left:left + width] = np.random.randint(
        0, 256, (height, width, image.shape[2]))
    return image


def equalized(image):
    return np.dstack([cv2.equalizeHist(np.ascontiguousarray(channel))
                      for channel in image.transpose(2, 0, 1)])


def shuffled(image):
    return image[..., np.random.permutation(3)]


def one_channel_left(image):
    return image * np.eye(3, dtype=np.uint8)[np.random.randint(3)]


def solarized(image):
    return np.where(image > 128, 255 - image, image)


def blur(sigma):
    return on_image(lambda image: cv2.GaussianBlur(image, (0, 0), sigma))


NORMALIZE = dict(
    type='Normalize', mean=[104.] * 3, std=[58., 57., 60.], to_rgb=True)
PHOTOMETRIC = {
    'PhotoMetricDistortion': [dict(type='PhotoMetricDistortion')],
    'fast': [dict(type='FastPhotoMetricDistortion'),
             dict(type='FastRandomGrayscale')],
    'CLAHE': [dict(type='CLAHE')],
    'AdjustGamma': [dict(type='AdjustGamma', gamma=3.)],
    'RGB2Gray': [dict(type='RGB2Gray', out_channels=None)],
    'Rerange': [dict(type='Rerange', max_value=1)],
    'RandomGaussianBlur': [
        dict(type='RandomGaussianBlur', prob=1., sigma_range=(0.1, 3.))],
    'blur': [blur(3)],
    'noise': [on_image(noise)],
    'heavy noise': [on_image(lambda image: noise(image, 100))],
    'jpeg': [on_image(jpeg)],
    'solarized': [on_image(solarized)],
    'posterized': [on_image(lambda image: image & 0x80)],
    'inverted': [on_image(lambda image: 255 - image)],
    'equalized': [on_image(equalized)],
    'shuffled': [on_image(shuffled)],
    'one channel left': [on_image(one_channel_left)],
    'RandomCutOut': [
        dict(type='RandomCutOut', prob=0.9, n_holes=(5, 10),
             cutout_ratio=[(0.1, 0.2), (0.3, 0.3)])],
    'erased': [on_image(erased)],
    'black': [on_image(np.zeros_like)],
    'dark': [on_image(lambda image: image // 50)],
    'halved and back': [on_image(halved_and_back)],
    'Normalize': [NORMALIZE],
    'blurred noise, jpeg': [on_image(noise), blur(2), on_image(jpeg)],
    'in one': [
        dict(type='Compose', transforms=[
            on_image(solarized), on_image(shuffled),
            on_image(lambda image: noise(image, 30)), on_image(jpeg)])],
    'long': [
        dict(type='PhotoMetricDistortion'), blur(3), on_image(noise),
        on_image(equalized), on_image(jpeg), on_image(erased), NORMALIZE],
    'floats': [NORMALIZE, on_image(lambda image: -image**2), blur(1)],
}


@pytest.mark.parametrize('name', PHOTOMETRIC)
def test_photometric_transforms_pass(tmp_path, name):
    probe_views(dataset(tmp_path, [FLIP, *PHOTOMETRIC[name]]))


@pytest.mark.parametrize('crop', [32, (48, 64), 320])
@pytest.mark.parametrize('name', ['long', 'RandomCutOut'])
def test_photometric_transforms_pass_at_any_size(tmp_path, name, crop):
    probe_views(dataset(tmp_path, [*PHOTOMETRIC[name], FLIP], crop))


@needs_mmpretrain
def test_transforms_of_mmpretrain(tmp_path):
    make_importable()
    import mmpretrain.datasets  # noqa: F401
    for kind, arguments in (
        ('Rotate', dict(angle=30.)), ('Shear', dict(magnitude=0.3)),
        ('Translate', dict(magnitude=0.3)),
        ('RandAugment', dict(
            policies='timm_increasing', num_policies=2, total_level=10,
            magnitude_level=9))):
        with pytest.raises(ValueError, match=f'{kind} in .* moves pixels'):
            probe_views(
                dataset(tmp_path,
                        [dict(type=kind, _scope_='mmpretrain', **arguments)]))
    probe_views(
        dataset(tmp_path, [
            dict(type=kind, _scope_='mmpretrain', **arguments)
            for kind, arguments in dict(
                AutoContrast={}, Invert={}, Equalize={},
                Solarize=dict(thr=100), Posterize=dict(bits=2),
                Brightness=dict(magnitude=0.8), Sharpness=dict(magnitude=0.8),
                GaussianBlur=dict(radius=2), Cutout=dict(shape=30),
                ColorTransform=dict(magnitude=0.8),
                RandomErasing=dict(mode='rand', erase_prob=0.5)).items()
        ]))


@pytest.mark.parametrize('dtype', ['uint8', 'float32'])
@pytest.mark.parametrize('channels', [(), (1, ), (12, )])
def test_channels_and_dtypes(tmp_path, channels, dtype):
    load = LoadArray((100, 200, *channels), dtype)
    views = [dict(type='RandomFlip', prob=0.5),
             on_image(lambda image: cv2.GaussianBlur(image, (0, 0), 1))]
    probe_views(dataset(tmp_path, views, load=load))
    with pytest.raises(ValueError, match='moves pixels'):
        probe_views(
            dataset(
                tmp_path, [*views, on_image(lambda image: image[::-1])],
                load=load))


def test_padded_windows_and_both_windows_of_a_pair(tmp_path):
    views = dict(
        a=dict(window=0, transforms=[FLIP]),
        b=dict(window=1, transforms=[FLIP, MOVING['RandomRotate']]))
    data = dataset(tmp_path, views, 256, crop_type='PairedRandomCrop')
    with pytest.raises(ValueError, match='RandomRotate in .*views.b '):
        probe_views(data)


def test_transform_that_fails_is_named(tmp_path):
    data = dataset(
        tmp_path, [FLIP, dict(type='PhotoMetricDistortion')],
        load=LoadArray((200, 200, 5), 'uint8'))
    message = (r'PhotoMetricDistortion in MultiView.views.a failed on an '
               r'image of shape \(192, 192, 5\) and dtype uint8')
    with pytest.raises(ValueError, match=message) as error:
        probe_views(data)
    assert error.value.__cause__ is not None


def test_image_of_another_kind_is_what_the_next_transform_gets(tmp_path):
    data = dataset(tmp_path, [
        dict(type='RGB2Gray', out_channels=1),
        dict(type='PhotoMetricDistortion')
    ])
    with pytest.raises(ValueError, match=r'shape \(192, 192, 1\)'):
        probe_views(data)


def test_transform_between_crop_and_views_is_refused(tmp_path):
    pipeline = dataset(tmp_path, []).pipeline.transforms
    pipeline.insert(2, TRANSFORMS.build(FLIP))
    pipeline[2].prob = 1.
    data = UnlabeledDataset(data_root=str(tmp_path), pipeline=pipeline)
    with pytest.raises(ValueError, match='RandomFlip comes after the crop'):
        probe_views(data)


def test_tensor_is_refused(tmp_path):
    data = dataset(tmp_path, [dict(type='ImageToTensor', keys=['img'])])
    with pytest.raises(ValueError, match='turns the image into a Tensor'):
        probe_views(data)


def test_transform_that_drops_images_passes(tmp_path):
    probe_views(dataset(tmp_path, [FLIP, lambda results: None]))


class Counting(BaseTransform):
    """Transform that counts its calls."""

    calls = 0

    def transform(self, results):
        self.calls += 1
        random.random(), np.random.rand(), torch.rand(1)
        return results


@pytest.mark.parametrize('moving', [False, True])
def test_training_draws_what_it_would_without(tmp_path, moving):
    counting = Counting()
    views = [counting, FLIP, *[MOVING['RandomRotate']] * moving]
    data = dataset(tmp_path, views)

    def draws():
        return random.random(), np.random.rand(), torch.rand(1).item()

    def seed():
        random.seed(3), np.random.seed(3), torch.manual_seed(3)

    seed()
    expected = draws()
    seed()
    if moving:
        with pytest.raises(ValueError):
            probe_views(data)
    else:
        probe_views(data)
    assert draws() == expected
    assert counting.calls == 0


def test_first_readable_image_is_taken(tmp_path):
    data = dataset(tmp_path, [MOVING['RandomRotate']])
    (tmp_path / '0.png').write_bytes(b'not an image')
    data = UnlabeledDataset(
        data_root=str(tmp_path), pipeline=data.pipeline.transforms)
    assert len(data) == 2
    with pytest.raises(ValueError, match='RandomRotate'):
        probe_views(data)
    assert data.unreadable_images() == []


def test_data_sets_without_views_pass(tmp_path):
    Image.new('RGB', (20, 20)).save(tmp_path / 'a.png')
    probe_views(
        UnlabeledDataset(
            data_root=str(tmp_path),
            pipeline=[dict(type='LoadImageFromFile')]))
