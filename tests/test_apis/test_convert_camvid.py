"""Tests of layout, ids and palette of a converted CamVid."""
import mmcv
import numpy as np
import pytest
from PIL import Image

from mmseg_dcc.datasets.camvid import CamVidDataset
from mmseg_dcc.utils.list_files import read_stems
from tests.tool_scripts import load_tool

TOOL = load_tool('dataset_tools/convert_camvid.py')

PARTS = {'train': ['a', 'b'], 'val': ['c'], 'test': ['d']}
WIDTH, HEIGHT = 12, 3
IDS = np.tile(np.arange(12, dtype=np.uint8), (HEIGHT, 1))


@pytest.fixture
def source(tmp_path):
    root = tmp_path / 'CamVid'
    random = np.random.default_rng(0)
    for part, stems in PARTS.items():
        for folder in (root / part, root / f'{part}annot'):
            folder.mkdir(parents=True)
        for stem in stems:
            pixels = random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
            Image.fromarray(pixels).save(root / part / f'{stem}.png')
            Image.fromarray(IDS).save(root / f'{part}annot' / f'{stem}.png')
    return root


@pytest.fixture
def convert(source, tmp_path):

    def run(*arguments):
        TOOL.main([
            '--source',
            str(source), '--out-dir',
            str(tmp_path / 'camvid'), *arguments
        ])
        return tmp_path / 'camvid'

    return run


def test_layout_and_ids(convert, capsys):
    out_dir = convert()
    for part, stems in PARTS.items():
        lists = out_dir / 'ImageSets/Segmentation'
        assert read_stems(lists / f'{part}.txt') == stems
    for folder, suffix in (('JPEGImages', '.jpg'), ('SegmentationClass',
                                                    '.png')):
        assert sorted(file.name for file in (out_dir / folder).iterdir()) == [
            f'{stem}{suffix}' for stem in 'abcd'
        ]
    ids = mmcv.imread(
        out_dir / 'SegmentationClass/a.png',
        flag='unchanged',
        backend='pillow')
    np.testing.assert_array_equal(ids, np.where(IDS == 11, 255, IDS))
    captured = capsys.readouterr()
    assert 'train: 2 images' in captured.out
    assert 'got 2 images, expected 367' in captured.err


def test_label_maps_carry_the_colours_of_the_data_set(convert):
    with Image.open(convert() / 'SegmentationClass/a.png') as label_map:
        assert label_map.mode == 'P'
        colours = np.array(label_map.convert('RGB'))[0]
    np.testing.assert_array_equal(colours[:11],
                                  CamVidDataset.METAINFO['palette'])
    np.testing.assert_array_equal(colours[11], [0, 0, 0])


def test_result_fits_the_data_set_class(convert):
    dataset = CamVidDataset(
        data_root=str(convert()),
        ann_file='ImageSets/Segmentation/train.txt',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations')
        ])
    sample = dataset[1]
    assert len(dataset) == 2
    assert sample['img'].shape == (HEIGHT, WIDTH, 3)
    assert sample['gt_seg_map'].max() == 255


def test_keep_png_copies_the_bytes(convert, source, capsys):
    out_dir = convert('--keep-png')
    assert ((out_dir / 'JPEGImages/a.png').read_bytes() == (
        source / 'train/a.png').read_bytes())
    assert not list((out_dir / 'JPEGImages').glob('*.jpg'))
    assert "set img_suffix='.png'" in capsys.readouterr().out


def test_jpeg_quality(convert):
    sizes = [(convert('--jpeg-quality', quality) /
              'JPEGImages/a.jpg').stat().st_size for quality in ('20', '95')]
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize('quality', ['0', '101'])
def test_wrong_jpeg_quality(convert, quality):
    with pytest.raises(SystemExit, match='--jpeg-quality: got .*1 to 100'):
        convert('--jpeg-quality', quality)


def test_lists_of_segnet_are_only_compared(convert, source, capsys):
    (source / 'train.txt').write_text(''.join(
        f'/SegNet/CamVid/train/{stem}.png '
        f'/SegNet/CamVid/trainannot/{stem}.png\n' for stem in 'ab'))
    (source / 'val.txt').write_text(
        '/SegNet/CamVid/val/x.png /SegNet/CamVid/valannot/x.png\n')
    out_dir = convert()
    warnings = capsys.readouterr().err
    assert 'train.txt and the folder' not in warnings
    assert 'val.txt and the folder beside it differ in 2 images (c, x)' in (
        warnings)
    assert read_stems(out_dir / 'ImageSets/Segmentation/val.txt') == ['c']


def test_unknown_ids(convert, source, tmp_path):
    ids = IDS.copy()
    ids[0, :2] = 12, 200
    Image.fromarray(ids).save(source / 'valannot/c.png')
    with pytest.raises(
            SystemExit,
            match=r'valannot/c.png: got the class ids \[12, 200\], expected'):
        convert()
    assert not (tmp_path / 'camvid/ImageSets/Segmentation/val.txt').exists()


def test_colour_coded_label_map(convert, source):
    Image.new('RGB', (WIDTH, HEIGHT)).save(source / 'trainannot/a.png')
    with pytest.raises(SystemExit, match='a.png: got a label map with 3 ch'):
        convert()


def test_sizes_differ(convert, source):
    Image.fromarray(IDS[:1]).save(source / 'testannot/d.png')
    with pytest.raises(
            SystemExit, match=r'd.png has 12 x 3 pixels.*has 12 x 1;'):
        convert()


def test_missing_label_map(convert, source):
    (source / 'trainannot/b.png').unlink()
    with pytest.raises(SystemExit, match='1 of 2 images of .*no label map'):
        convert()


def test_image_in_two_parts(convert, source):
    for folder in ('val', 'valannot'):
        (source / folder / 'c.png').rename(source / folder / 'a.png')
    with pytest.raises(SystemExit, match='a.png is both in train and in val'):
        convert()


def test_damaged_image(convert, source):
    (source / 'train/a.png').write_bytes(b'no image')
    with pytest.raises(SystemExit, match='cannot identify image file'):
        convert()


def test_missing_folder_and_empty_folder(convert, source):
    (source / 'val/c.png').unlink()
    with pytest.raises(SystemExit, match='val has no .png image. Clone'):
        convert()
    (source / 'val').rmdir()
    with pytest.raises(SystemExit, match='val does not exist. Clone'):
        convert()
