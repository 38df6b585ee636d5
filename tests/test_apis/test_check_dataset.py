"""Tests that every planted fault is found and reported, and nothing else."""
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_dcc.apis import check_dataset
from mmseg_dcc.apis.launch import exit_without_data
from mmseg_dcc.utils.configs import build_lazily, read_config
from tests import tiny_data
from tests.conftest import ROOT, environment
from tests.own_config import write_own_config
from tests.tool_scripts import load_tool

TOOL = load_tool('dataset_tools/check_dataset.py')

SIZE = (96, 128)  # height, width


@pytest.fixture
def own(tmp_path):
    """Clean folder of own data."""
    tiny_data.make_own(tmp_path / 'own', num_labeled=10, size=SIZE)
    return tmp_path / 'own'


@pytest.fixture
def config(own, tmp_path):
    return write_own_config(
        tmp_path / 'configs',
        data_root=str(own),
        image_size=(128, 128),
        crop_size=(64, 64))


@pytest.fixture
def check(config, tmp_path):
    """Runs the tool in this process; returns its report and exit code."""

    def run(*options):
        file = tmp_path / 'report.json'
        with pytest.raises(SystemExit) as exit_info:
            TOOL.main([str(config), '--json', str(file), *options])
        return json.loads(file.read_text()), exit_info.value.code

    return run


def images(own):
    return sorted(path for path in (own / 'labeled/images').rglob('*.*'))


def mask_of(image):
    return Path(str(image).replace('/images/', '/masks/')).with_suffix('.png')


def first_image(own, part='train'):
    """Path of a labeled image of this part."""
    dataset = DATASETS.build(
        dict(
            type='FolderSegDataset',
            data_root=str(own),
            part=part,
            data_prefix=dict(
                img_path='labeled/images', seg_map_path='labeled/masks'),
            metainfo=dict(classes=('background', 'object'), palette=[])))
    return Path(dataset.get_data_info(0)['img_path'])


def test_clean_folder(check, capsys):
    report, code = check()
    assert code == 0
    assert report['findings'] == []
    assert [(row['role'], row['images'], row['widths'], row['heights'])
            for row in report['datasets']
            ] == [('labeled', 8, [128, 128], [96, 96]),
                  ('unlabeled', 4, [128, 128], [96, 96]),
                  ('val', 2, [128, 128], [96, 96])]
    out = capsys.readouterr().out
    assert '0 kinds of problems, 0 of warnings' in out
    proposal = report['proposal']
    assert proposal['image_size'] == [128, 96]
    assert proposal['batch_size'] % 2 == 0
    for name, reason in proposal['reasons'].items():
        value = proposal[name]
        value = tuple(value) if isinstance(value, list) else value
        assert f'{name} = {value}  # {reason}' in out
    assert len(out.splitlines()) < 40


def test_class_shares_are_those_of_a_loop(check, own):
    report, _ = check()
    pixels, in_images = np.zeros(2), np.zeros(2)
    for image in images(own):
        mask = np.array(Image.open(mask_of(image)))
        for i in range(2):
            pixels[i] += (mask == i).sum()
            in_images[i] += (mask == i).any()
    for i, row in enumerate(report['classes']):
        parts = [row['labeled'], row['val']]
        assert sum(part['pixels'] for part in parts) == pixels[i]
        assert sum(part['images'] for part in parts) == in_images[i]
    assert sum(row['val']['share'] for row in report['classes']) == 1


def plant_broken_labeled(own):
    path = first_image(own)
    path.write_bytes(b'no image')
    return path


def plant_missing_mask(own):
    path = mask_of(first_image(own))
    path.unlink()
    return path


def plant_broken_mask(own):
    path = mask_of(first_image(own))
    path.write_bytes(path.read_bytes()[:60])
    return path


def plant_wrong_size(own):
    path = mask_of(first_image(own))
    Image.open(path).resize((100, 90)).save(path)
    return path


def plant_turned_mask(own):
    path = mask_of(first_image(own))
    Image.open(path).transpose(Image.Transpose.ROTATE_90).save(path)
    return path


def plant_id_37(own):
    path = mask_of(first_image(own))
    mask = np.array(Image.open(path))
    mask[:3, :4] = 37
    mask[5] = 255
    Image.fromarray(mask).save(path)
    return path


def plant_colours(own):
    path = mask_of(first_image(own))
    Image.open(path).convert('RGB').save(path)
    return path


def plant_16_bits(own):
    path = mask_of(first_image(own))
    # would be read as 1, a class that exists
    Image.fromarray(np.full(SIZE, 257, np.uint16)).save(path)
    return path


def plant_duplicate(own):
    # other bytes, the same pixels
    path = own / 'unlabeled/zcopy.png'
    Image.open(own / 'unlabeled/d.PNG').save(path, compress_level=1)
    assert path.read_bytes() != (own / 'unlabeled/d.PNG').read_bytes()
    return path


def plant_labeled_in_unlabeled(own):
    path = first_image(own)
    shutil.copy(path, own / f'unlabeled/other_name{path.suffix}')
    return path


def plant_val_in_unlabeled(own):
    path = first_image(own, 'val')
    shutil.copy(path, own / f'unlabeled/other_name{path.suffix}')
    return path


def plant_tiny(own):
    path = own / 'unlabeled/tiny.png'
    noise = np.random.default_rng(0).integers(0, 255, (40, 70, 3), np.uint8)
    Image.fromarray(noise).save(path)
    return path


FAULTS = [
    (plant_broken_labeled, 'problem', 'unreadable', 'failed to load'),
    (plant_missing_mask, 'problem', 'mask_missing', 'of the image'),
    (plant_broken_mask, 'problem', 'mask_unreadable', ''),
    (plant_wrong_size, 'problem', 'mask_size',
     '100 x 90, its image 128 x 96'),
    (plant_turned_mask, 'problem', 'mask_size',
     'rotated, perhaps by the EXIF'),
    (plant_id_37, 'problem', 'mask_ids', 'ids 37 (12 pixels)'),
    (plant_colours, 'problem', 'mask_format', '3 channels'),
    (plant_16_bits, 'problem', 'mask_format', 'ids up to 257'),
    (plant_duplicate, 'warning', 'duplicate', 'unlabeled/d.PNG'),
    (plant_labeled_in_unlabeled, 'warning', 'labeled_in_unlabeled',
     'unlabeled/other_name'),
    (plant_val_in_unlabeled, 'warning', 'val_in_unlabeled',
     'unlabeled/other_name'),
    (plant_tiny, 'warning', 'small', '70 x 40'),
]


@pytest.mark.parametrize(
    'plant, level, name, detail', FAULTS, ids=[f[0].__name__ for f in FAULTS])
def test_planted_fault(check, own, capsys, plant, level, name, detail):
    path = plant(own)
    report, code = check()
    finding, = report['findings']
    assert (finding['level'], finding['check']) == (level, name)
    item, = finding['items']
    assert item['path'] == str(path)
    assert detail in item['detail']
    assert code == (level == 'problem')
    assert f'{path}: {item["detail"]}' in capsys.readouterr().out


def test_a_few_unreadable_photos_are_a_warning(check, own):
    rng = np.random.default_rng(0)
    for i in range(16):
        noise = rng.integers(0, 255, (96, 96, 3), np.uint8)
        Image.fromarray(noise).save(own / f'unlabeled/{i}.png')
    for number, level in ((2, 'warning'), (3, 'problem')):
        (own / f'unlabeled/{number}.png').write_bytes(b'')
        if number == 2:
            (own / 'unlabeled/1.png').write_bytes(b'no image')
        report, code = check()
        # of 20 images UnlabeledDataset tolerates a tenth
        finding, = report['findings']
        assert finding['check'] == 'unreadable'
        assert (finding['level'], len(finding['items'])) == (level, number)
        assert code == (level == 'problem')


def test_cut_off_jpeg(own):
    """Some versions of OpenCV fill the rest with grey and say nothing."""
    path = own / 'unlabeled/a.jpg'
    assert check_dataset._incomplete(str(path)) is None
    path.write_bytes(path.read_bytes()[:-100])
    assert 'truncated' in check_dataset._incomplete(str(path))


def test_black_and_white_masks(check, own):
    for image in images(own):
        mask = np.array(Image.open(mask_of(image)))
        Image.fromarray(mask * 255).save(mask_of(image))
    report, code = check()
    assert code == 1
    assert [(found['level'], found['check']) for found in report['findings']
            if found['level'] == 'problem'
            ] == [('problem', 'mask_black_white')] * 2
    absent = [f for f in report['findings'] if f['check'] == 'absent_class']
    assert all(f['text'].endswith(': object') for f in absent) and absent


def test_full_setting_is_no_fault(check, own):
    """The paper also uses the labeled images as unlabeled ones."""
    for path in images(own):
        target = own / 'unlabeled' / path.relative_to(own / 'labeled/images')
        target.parent.mkdir(exist_ok=True)
        shutil.copy(path, target)
    report, _ = check()
    assert [f['check'] for f in report['findings']] == ['val_in_unlabeled']


def test_training_on_validation_images(check, own):
    report, code = check(
        '--cfg-options', 'val_dataloader.dataset.part=None',
        'test_dataloader.dataset.part=None')
    finding, = report['findings']
    assert finding['check'] == 'val_in_labeled' and code == 0
    assert len(finding['items']) == 8


def test_wrong_number_of_classes(check):
    report, code = check('--cfg-options', 'model.decode_head.num_classes=5')
    assert code == 1
    assert [f['check'] for f in report['findings']] == ['num_classes']


def with_classes(config, classes):
    """Config with other classes in the validation data set."""
    config.write_text(
        config.read_text() + f"""
val_dataloader['dataset']['metainfo'] = dict(
    classes={classes!r}, palette=[])
test_dataloader = val_dataloader
""")


def test_classes_in_another_order(config, check, capsys):
    with_classes(config, ('object', 'background'))
    report, code = check()
    finding, = report['findings']
    assert (finding['level'], finding['check']) == ('problem', 'classes')
    assert code == 1 and 'val_dataloader' in finding['text']
    assert "'background' has id 1 in the other" in finding['text']
    assert [row['name'] for row in report['classes']] == [
        'background / object', 'object / background']
    assert 'background / object' in capsys.readouterr().out


def test_classes_that_may_be_translations(config, check):
    with_classes(config, ('Grund', 'Ding'))
    report, code = check()
    finding, = report['findings']
    assert (finding['level'], finding['check']) == ('warning', 'classes')
    assert code == 0
    assert [row['name'] for row in report['classes']] == [
        'background / Grund', 'object / Ding']


def test_classes_that_are_one_text(config, check):
    """The classes are a single string, since the comma is missing."""
    config.write_text(config.read_text().replace(
        "classes = ('background', 'object')", "classes = ('leaf')"))
    report, code = check('--cfg-options', 'model.decode_head.num_classes=2')
    texts = [found['text'] for found in report['findings']
             if found['check'] == 'classes']
    assert "classes=('leaf', )" in texts[0] and code == 1


def test_indices(config, check, own):
    """Images that the training does not use are not checked."""
    broken = own / 'unlabeled/zz.jpg'
    broken.write_bytes(b'')
    for part, number in ((0, 3), (1, 2)):
        config.write_text(config.read_text() + (
            f'\ntrain_dataloader.dataset.datasets[{part}].indices = '
            f'{number}\n'))
    report, code = check()
    assert report['findings'] == [] and code == 0
    assert [row['images'] for row in report['datasets']] == [3, 2, 2]


def test_parts_of_data_sets(config, check):
    """Both parts use the same files."""
    config.write_text(config.read_text() + """
whole = dict(val_dataloader['dataset'], part=None)
parts = [
    dict(type='PartOfDataset', part=part, val_share=0.3, dataset=whole)
    for part in ('train', 'val')]
train_dataloader.dataset.datasets[0] = parts[0]
val_dataloader['dataset'] = parts[1]
test_dataloader = val_dataloader
""")
    report, code = check()
    assert report['findings'] == [] and code == 0
    assert [row['images'] for row in report['datasets']] == [7, 4, 3]


def test_files_that_are_left_out(check, own, capsys):
    for name in ('x.HEIC', 'y.mp4'):
        (own / 'unlabeled' / name).write_bytes(b'')
    shutil.copy(mask_of(first_image(own)), own / 'unlabeled/a_mask.png')
    report, code = check()
    assert [found['check'] for found in report['findings']] == [
        'left_out'] * 2
    assert '1 .heic, 1 .mp4' in report['findings'][0]['text'] and code == 0
    assert 'a_mask.png' in report['findings'][1]['text']
    assert capsys.readouterr().out.count('.heic') == 1


def test_masks_that_are_photos(check, own):
    mask = mask_of(first_image(own))
    shutil.copy(mask, own / 'unlabeled')
    report, code = check()
    finding, = report['findings']
    assert (finding['level'], finding['check']) == ('problem',
                                                    'mask_as_photo')
    assert finding['items'][0]['path'] == str(own / 'unlabeled' / mask.name)
    assert code == 1


@pytest.mark.parametrize('encoding', ['utf-8-sig', 'utf-16'])
def test_list_in_another_encoding(config, check, own, encoding):
    """The training tools report it, too, before anything is built."""
    names = [str(path.relative_to(own / 'labeled/images').with_suffix(''))
             for path in images(own) if path.suffix == '.jpg']
    (own / 'list.txt').write_text('\n'.join(names), encoding=encoding)
    config.write_text(config.read_text() + """
train_dataloader.dataset.datasets[0] = dict(
    type='BaseSegDataset', ann_file='list.txt', img_suffix='.jpg',
    data_root=data_root, pipeline=labeled_dataset['pipeline'],
    metainfo=images_with_masks['metainfo'],
    data_prefix=images_with_masks['data_prefix'])
""")
    report, code = check()
    finding, = [found for found in report['findings']
                if found['check'] == 'dataset']
    what = 'byte-order mark' if encoding == 'utf-8-sig' else 'UTF-16'
    assert "list.txt' " in finding['text'] and what in finding['text']
    with pytest.raises(SystemExit, match=what):
        exit_without_data(read_config(str(config)), ('train_dataloader', ))
    (own / 'list.txt').write_text('\n'.join(names))
    report, code = check()
    assert code == 0


def test_names_that_are_no_text(check, own):
    (own / 'unlabeled/d.PNG').rename(
        own / os.fsdecode('unlabeled/caf\xe9.png'.encode('cp1252')))
    plant_tiny(own)
    (own / 'unlabeled/tiny.png').rename(
        own / os.fsdecode('unlabeled/tin\xe9.png'.encode('cp1252')))
    report, _ = check()
    finding, = report['findings']
    assert finding['items'][0]['path'].endswith('tin\\xe9.png')


def test_missing_folder_and_the_rest_is_still_checked(check, own):
    shutil.rmtree(own / 'unlabeled')
    plant_id_37(own)
    report, code = check()
    assert code == 1
    assert [f['check'] for f in report['findings']] == ['dataset', 'mask_ids']
    assert 'data_prefix.img_path' in report['findings'][0]['text']


def test_one_window_instead_of_a_pair(config, check, own):
    """FixMatch cuts one window: it is unlabeled, too, and has no pairs."""
    config.write_text(config.read_text() + """
train_dataloader.dataset.datasets[1].pipeline[2] = dict(
    type='SharedRandomCrop', crop_size=(64, 64))
train_dataloader.dataset.datasets[1].pipeline[3] = dict(
    type='MultiView', views=dict(weak=[], strong=[]))
""")
    plant_tiny(own)
    report, _ = check()
    unlabeled, = (row for row in report['datasets']
                  if row['role'] == 'unlabeled')
    assert unlabeled['images'] == 5 and unlabeled['pairs'] is None
    assert {found['check'] for found in report['findings']} == {'small'}


@pytest.mark.parametrize('image_size, iou_range', [
    ((128, 128), (0.1, 1.0)),
    ((60, 60), (0.1, 1.0)),
    ((256, 256), (0.1, 0.5)),
    ((400, 400), (0.6, 0.9)),
])
def test_pairs_are_those_the_transform_finds(own, tmp_path, image_size,
                                             iou_range):
    config = write_own_config(
        tmp_path / 'configs',
        method='dcc',
        data_root=str(own),
        image_size=image_size,
        crop_size=(64, 64))
    cfg = read_config(str(config))
    photos = cfg.train_dataloader.dataset.datasets[1]
    photos.pipeline[2].iou_range = iou_range
    plant_tiny(own)
    report = check_dataset.Report()
    part = check_dataset.Part('unlabeled', build_lazily(photos), [])
    part = part._replace(images=part.dataset.load_data_list())
    part, = check_dataset.examine_all([part], 1)
    found = check_dataset.check_pairs(part, report)

    feasible, different = np.ones(5, bool), []
    for ratio in np.linspace(0.5, 2.0, check_dataset.RATIOS_TRIED):
        photos.pipeline[1].ratio_range = (ratio, ratio)
        dataset = DATASETS.build(photos)
        load, resize, crop, *_ = dataset.pipeline.transforms
        for i in range(5):
            results = resize(load(dataset.get_data_info(i)))
            try:
                corners = {crop.draw_corners(results['img'].shape[:2])
                           for _ in range(20)}
            except ValueError:
                feasible[i] = False
                different.append(False)
            else:
                different.append(
                    len({tuple(np.subtract(*pair)) for pair in corners}) > 1)
    assert found['feasible'] == pytest.approx(feasible.mean())
    assert found['different'] == pytest.approx(np.mean(different))
    checks = [finding['check'] for finding in report.findings]
    assert ('no_pair' in checks) == (not feasible.all())
    assert ('same_crops' in checks) == (np.mean(different) < 0.5)


def test_processes_find_the_same(check, own):
    plant_broken_labeled(own)
    plant_duplicate(own)
    serial, parallel = check(), check('--processes', '2')
    assert serial == parallel


def test_long_lists_are_cut_on_the_screen_alone(check, own, capsys):
    rng = np.random.default_rng(0)
    for i in range(9):
        noise = rng.integers(0, 255, (30, 30, 3), np.uint8)
        Image.fromarray(noise).save(own / f'unlabeled/tiny{i}.png')
    report, code = check()
    finding, = report['findings']
    assert len(finding['items']) == 9 and code == 0
    out = capsys.readouterr().out
    assert out.count('30 x 30') == 4 and 'and 5 more (--json' in out


@pytest.mark.parametrize('name, roles', [
    ('dcc/deeplabv3plus_r50_voc_1-8', 'labeled unlabeled val'),
    ('dcc/deeplabv3plus_r50_cityscapes_full', 'labeled unlabeled val'),
    ('supervised/pspnet_r50_voc_1-4', 'labeled val'),
    ('camvid/deeplabv3plus_small_camvid_1-8_dcc', 'labeled unlabeled val'),
    ('demo/deeplabv3plus_small_demo_dcc', 'labeled unlabeled val'),
])
def test_configs_of_the_project(in_data_dir, tmp_path, name, roles):
    file = tmp_path / 'report.json'
    with pytest.raises(SystemExit) as exit_info:
        TOOL.main(
            [str(ROOT / f'configs/{name}.py'), '--json', str(file)])
    assert exit_info.value.code == 0
    report = json.loads(file.read_text())
    assert ' '.join(row['role'] for row in report['datasets']) == roles
    assert {found['check'] for found in report['findings']} <= {
        'small', 'val_in_labeled', 'val_in_unlabeled', 'absent_class'}


def test_stock_config_without_its_lists(in_data_dir, capsys):
    with pytest.raises(SystemExit) as exit_info:
        TOOL.main(
            [str(ROOT / 'configs/dcc/stock_pspnet_r50-d8_20k_voc12aug.py')])
    assert exit_info.value.code == 1
    out = capsys.readouterr().out
    assert "check that the list and the folder exist: 'ImageSets/" in out


@pytest.mark.slow
def test_command(own, config):
    plant_id_37(own)
    done = subprocess.run(
        [
            sys.executable, ROOT / 'tools/dataset_tools/check_dataset.py',
            config
        ],
        env=environment(),
        capture_output=True,
        text=True,
        check=False)
    assert done.returncode == 1
    assert 'PROBLEM: labeled masks have ids outside the classes (0 to 1' in (
        done.stdout)
    assert '14/14' in done.stderr and 'Traceback' not in done.stderr
