"""Tests of pictures of the views and overlaps that the model gets."""
from pathlib import Path

import numpy as np
import pytest
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_dcc.apis import browse_pairs
from mmseg_dcc.utils.configs import (
    labeled_configs,
    read_config,
    unlabeled_configs,
)
from mmseg_dcc.visualization import box_iou, draw_views
from mmseg_dcc.visualization.mask_drawing import draw_labeled
from tests import tiny_data
from tests.conftest import ROOT
from tests.own_config import write_own_config
from tests.tool_scripts import load_tool

TOOL = load_tool('dataset_tools/browse_pairs.py')

FLIP_AXES = dict(horizontal=1, vertical=0, diagonal=(0, 1))


@pytest.fixture
def own(tmp_path):
    tiny_data.make_own(tmp_path / 'own')
    return tmp_path / 'own'


@pytest.fixture
def config(own, tmp_path):
    return write_own_config(
        tmp_path / 'configs',
        method='dcc',
        data_root=str(own),
        image_size=(128, 128),
        crop_size=(64, 64))


@pytest.mark.parametrize('direction', [None, *FLIP_AXES])
def test_outlined_parts_show_the_same_pixels(config, direction):
    """The real pipeline is used, without changes of colour."""
    cfg = read_config(str(config))
    source, = unlabeled_configs(cfg)
    flip = dict(type='RandomFlip', prob=float(direction is not None),
                direction=direction or 'horizontal')
    for view in source.pipeline[3].views.values():
        view.transforms = [flip]
    dataset = DATASETS.build(source)
    for index in range(len(dataset)):
        image, views = browse_pairs.make_views(dataset, index)
        assert [info.flip for _, info in views.values()] == [direction] * 2
        figure = draw_views(image, views, 'a')
        whole, *singles = figure.axes
        parts = []
        for number, axes in enumerate(singles):
            shown = axes.images[0].get_array()
            upright = np.flip(
                shown, FLIP_AXES[direction]) if direction else shown
            # both views may show one window
            number = min(number, len(whole.patches) - 1)
            top, left, bottom, right = drawn_box(whole, number)
            window = image[top:bottom, left:right]
            np.testing.assert_array_equal(
                upright[:window.shape[0], :window.shape[1]], window)
            top, left, bottom, right = drawn_box(axes, 0)
            parts.append(shown[top:bottom, left:right])
        np.testing.assert_array_equal(*parts)
        iou = box_iou(drawn_box(whole, 0), drawn_box(whole, -1))
        assert whole.get_title().endswith(f'IoU {iou:.2f}')


def drawn_box(axes, number):
    """Pixels enclosed by a drawn rectangle."""
    rectangle = axes.patches[number]
    left, top = (edge + 0.5 for edge in rectangle.get_xy())
    return (int(top), int(left), int(top + rectangle.get_height()),
            int(left + rectangle.get_width()))


def test_pictures_and_an_unreadable_image(config, own, tmp_path, capsys):
    (own / 'unlabeled/a.jpg').write_bytes(b'no image')
    TOOL.main(
        [str(config), '--output-dir', str(tmp_path / 'out'), '--number', '3'])
    names = sorted(path.name for path in (tmp_path / 'out').iterdir())
    # evenly spread over four images, of which the first is broken
    assert names == [
        'labeled_000000.png', 'labeled_000001.png', 'labeled_000003.png',
        'pair_000001.png', 'pair_000003.png']
    assert f'Left out {own}/unlabeled/a.jpg' in capsys.readouterr().out
    width, height = Image.open(tmp_path / 'out' / names[-1]).size
    assert width > 2 * height > 600


def test_same_seed_same_pictures(config, tmp_path):
    for name, seed in (('a', 0), ('b', 0), ('c', 1)):
        TOOL.main([
            str(config), '--output-dir', str(tmp_path / name), '--number', '1',
            '--seed', str(seed)
        ])
    first, same, other = ((tmp_path / name / 'pair_000000.png').read_bytes()
                          for name in 'abc')
    assert first == same != other


@pytest.mark.parametrize('name', [
    'dcc/deeplabv3plus_r50_voc_1-8',
    'camvid/deeplabv3plus_small_camvid_1-8_dcc',
    'demo/deeplabv3plus_small_demo_fixmatch',
])
def test_configs_of_the_project(in_data_dir, tmp_path, name):
    TOOL.main([
        str(ROOT / f'configs/{name}.py'), '--output-dir', str(tmp_path),
        '--number', '1'
    ])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        'labeled_000000.png', 'pair_000000.png']


def test_supervised_config_shows_its_labels(in_data_dir, tmp_path):
    config = ROOT / 'configs/demo/deeplabv3plus_small_demo_supervised.py'
    TOOL.main([str(config), '--output-dir', str(tmp_path), '--number', '1'])
    assert [path.name for path in tmp_path.iterdir()] == ['labeled_000000.png']


def test_config_without_training(tmp_path):
    (tmp_path / 'config.py').write_text('model = dict()')
    with pytest.raises(SystemExit, match='has no train_dataloader'):
        TOOL.main([str(tmp_path / 'config.py'), '--output-dir', str(tmp_path)])


def test_labels_before_and_after_the_pipeline(config):
    cfg = read_config(str(config))
    source, = labeled_configs(cfg)
    # flipped, and nothing else
    source.pipeline = [
        *source.pipeline[:2], dict(type='RandomFlip', prob=1.),
        source.pipeline[-1]]
    dataset = DATASETS.build(source)
    for index in range(len(dataset)):
        (image, mask), (crop, crop_mask) = browse_pairs.make_labeled(
            dataset, index)
        info = dataset.get_data_info(index)
        np.testing.assert_array_equal(
            mask, np.array(Image.open(info['seg_map_path'])))
        np.testing.assert_array_equal(crop, image[:, ::-1])
        np.testing.assert_array_equal(crop_mask, mask[:, ::-1])
        assert image.shape == (96, 128, 3)


@pytest.mark.parametrize('broken, told', [
    (lambda path: path.write_bytes(b'no image'), 'Left out'),
    (lambda path: Image.new('RGB', (128, 96)).save(path),
     'its mask has 3 channels, expected one of class ids'),
])
def test_mask_that_cannot_be_shown(config, own, broken, told, capsys):
    source, = labeled_configs(read_config(str(config)))
    dataset = DATASETS.build(source)
    broken(Path(dataset.get_data_info(0)['seg_map_path']))
    assert browse_pairs.make_labeled(dataset, 0) is None
    assert told in capsys.readouterr().out


PURE_PYTHON = """
from mmcv.transforms import LoadImageFromFile
from mmengine.dataset import ConcatDataset
from mmseg.datasets import LoadAnnotations, PackSegInputs
from mmseg_dcc.datasets import FolderSegDataset

pipeline = [dict(type=LoadImageFromFile), dict(type=LoadAnnotations),
            dict(type=PackSegInputs)]
labeled = dict(
    type=FolderSegDataset, data_root={root!r}, pipeline=pipeline,
    data_prefix=dict(img_path='labeled/images', seg_map_path='labeled/masks'))
first = dict(labeled, metainfo=dict(classes=('sky', 'leaf')))
second = dict(labeled, metainfo=dict(classes=('leaf', 'sky')))
train_dataloader = dict(
    dataset=dict(type=ConcatDataset, datasets=[first, second]))
"""


def test_two_labeled_sets_in_pure_python(own, tmp_path, monkeypatch):
    """The class names of each are shown, so that a wrong order is visible."""
    shown = []
    monkeypatch.setattr(
        browse_pairs, 'draw_labeled',
        lambda whole, crop, classes, *rest: shown.append(classes) or
        draw_labeled(whole, crop, classes, *rest))
    path = tmp_path / 'config.py'
    path.write_text(PURE_PYTHON.format(root=str(own)))
    out = tmp_path / 'out'
    TOOL.main([str(path), '--output-dir', str(out), '--number', '1'])
    assert sorted(path.name for path in out.iterdir()) == [
        'labeled_1_000000.png', 'labeled_2_000000.png']
    assert shown == [('sky', 'leaf'), ('leaf', 'sky')]


def test_missing_folder_is_one_message(config, tmp_path):
    with pytest.raises(SystemExit, match='Error: The folder of unlabeled'):
        TOOL.main([
            str(config), '--output-dir', str(tmp_path), '--cfg-options',
            'train_dataloader.dataset.datasets.1.data_prefix.img_path=nowhere'
        ])
