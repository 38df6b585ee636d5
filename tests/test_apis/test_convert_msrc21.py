"""Tests of layout, ids and parts of a converted MSRC-v2."""
import numpy as np
import pytest
from PIL import Image

from mmseg_dcc.apis.convert_msrc21 import IGNORED_COLOURS
from mmseg_dcc.datasets.msrc21 import MSRC21Dataset
from mmseg_dcc.utils.list_files import read_stems
from tests.tool_scripts import load_tool

TOOL = load_tool('dataset_tools/convert_msrc21.py')

PALETTE = MSRC21Dataset.METAINFO['palette']
COLOURS = np.array([*PALETTE, *IGNORED_COLOURS.values()], np.uint8)
IDS = np.array([*range(21), 255, 255, 255], np.uint8)
WIDTH, HEIGHT = len(COLOURS), 3
STEMS = [f'{scene}_{i}_s' for scene in (1, 2, 10) for i in range(6, 16)]


@pytest.fixture
def source(tmp_path):
    root = tmp_path / 'MSRC_ObjCategImageDatabase_v2'
    random = np.random.default_rng(0)
    for folder in ('Images', 'GroundTruth'):
        (root / folder).mkdir(parents=True)
    for stem in STEMS:
        pixels = random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        Image.fromarray(pixels).save(root / f'Images/{stem}.bmp')
        Image.fromarray(np.tile(COLOURS, (HEIGHT, 1, 1))).save(
            root / f'GroundTruth/{stem}_GT.bmp')
    return root


@pytest.fixture
def convert(source, tmp_path):

    def run(*arguments):
        TOOL.main([
            '--source',
            str(source), '--out-dir',
            str(tmp_path / 'msrc21'), *arguments
        ])
        return tmp_path / 'msrc21'

    return run


def test_layout_and_ids(convert, capsys):
    out_dir = convert()
    for folder, suffix in (('JPEGImages', '.jpg'),
                           ('SegmentationClass', '.png')):
        assert {file.name for file in (out_dir / folder).iterdir()} == {
            f'{stem}{suffix}' for stem in STEMS
        }
    with Image.open(out_dir / 'SegmentationClass/2_10_s.png') as mask:
        assert mask.mode == 'P'
        np.testing.assert_array_equal(mask, np.tile(IDS, (HEIGHT, 1)))
        colours = np.array(mask.convert('RGB'))[0]
    np.testing.assert_array_equal(colours[:21], PALETTE)
    captured = capsys.readouterr()
    assert '30 images of 3 scenes' in captured.out
    assert 'got 30 images, expected 591' in captured.err


def test_every_scene_is_in_every_part(convert):
    lists = convert() / 'ImageSets/Segmentation'
    parts = [read_stems(lists / f'{name}.txt')
             for name in ('train', 'val', 'test')]
    for part, count in zip(parts, (6, 2, 2)):
        scenes = [stem.split('_')[0] for stem in part]
        # by number, not by the alphabet
        assert scenes == ['1'] * count + ['2'] * count + ['10'] * count
    assert {*sum(parts, [])} == {*STEMS}


def test_options_of_the_draw(convert):
    lists = convert('--test-share', '0.3') / 'ImageSets/Segmentation'
    first = (lists / 'val.txt').read_text()
    assert len(read_stems(lists / 'test.txt')) == 9
    convert('--seed', '1')
    assert (lists / 'val.txt').read_text() != first


def test_result_fits_the_data_set_class(convert):
    dataset = MSRC21Dataset(
        data_root=str(convert()),
        ann_file='ImageSets/Segmentation/val.txt',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations')
        ])
    sample = dataset[1]
    assert sample['img'].shape == (HEIGHT, WIDTH, 3)
    # building, the first class, is not ignored
    np.testing.assert_array_equal(sample['gt_seg_map'][0], IDS)


def test_unknown_colour(convert, source, tmp_path):
    colours = np.tile(COLOURS, (HEIGHT, 1, 1))
    colours[1, 4] = 128, 0, 1
    colours[2, 2] = 9, 9, 9
    Image.fromarray(colours).save(source / 'GroundTruth/10_7_s_GT.bmp')
    with pytest.raises(
            SystemExit,
            match=r'10_7_s_GT.bmp: got the colour \(128, 0, 1\) at row 1, '
            r'column 4 \(2 unknown colours'):
        convert()
    assert not (tmp_path / 'msrc21/ImageSets').exists()


def test_sizes_differ(convert, source):
    Image.new('RGB', (5, HEIGHT)).save(source / 'Images/1_6_s.bmp')
    with pytest.raises(SystemExit, match='has 5 x 3 pixels.*has 24 x 3;'):
        convert()


def test_missing_mask(convert, source):
    (source / 'GroundTruth/2_9_s_GT.bmp').unlink()
    with pytest.raises(SystemExit, match='1 of 30 images .*no mask.*2_9_s'):
        convert()


def test_name_of_another_form(convert, source):
    (source / 'Images/1_6_s.bmp').rename(source / 'Images/holiday.bmp')
    with pytest.raises(
            SystemExit, match='holiday.bmp: expected a name such as 1_10_s'):
        convert()


def test_wrong_jpeg_quality(convert):
    with pytest.raises(SystemExit, match='--jpeg-quality: got 0'):
        convert('--jpeg-quality', '0')


def test_missing_folder_and_empty_folder(convert, source):
    for file in (source / 'Images').iterdir():
        file.unlink()
    with pytest.raises(SystemExit, match='has no .bmp image. Download'):
        convert()
    (source / 'Images').rmdir()
    with pytest.raises(SystemExit, match='Images does not exist. Download'):
        convert()
