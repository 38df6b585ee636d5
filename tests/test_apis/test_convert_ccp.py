"""Tests of layout, sizes and merged labels of a converted CCP."""
import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from mmseg_dcc.apis.convert_ccp import LABELS_OF_CLASSES
from mmseg_dcc.datasets.ccp import CCPDataset
from mmseg_dcc.utils.list_files import read_stems
from tests.tool_scripts import load_tool

TOOL = load_tool('dataset_tools/convert_ccp.py')

# null first, the others by the alphabet, as in the repository
LABELS = ['null', *sorted(
    label for labels in LABELS_OF_CLASSES.values() for label in labels
    if label != 'null')]
WIDTH, HEIGHT = 10, 12
LABELED, UNLABELED = 10, 3


def write_label_list(path, names):
    cells = np.empty((1, len(names)), object)
    cells[0] = names
    savemat(path, dict(label_list=cells))


def blocks_of(random, high, channels=()):
    """Random values in blocks of 2 x 2 pixels."""
    values = random.integers(0, high, (HEIGHT // 2, WIDTH // 2, *channels),
                             np.uint8)
    return values.repeat(2, 0).repeat(2, 1)


@pytest.fixture
def source(tmp_path):
    root = tmp_path / 'clothing-co-parsing'
    random = np.random.default_rng(0)
    for folder in ('photos', 'annotations/pixel-level',
                   'annotations/image-level'):
        (root / folder).mkdir(parents=True)
    for number in range(1, LABELED + UNLABELED + 1):
        photo = Image.fromarray(blocks_of(random, 256, (3, )))
        photo.save(
            root / f'photos/{number:04d}.jpg', quality=100, subsampling=0)
        if number <= LABELED:
            savemat(root / f'annotations/pixel-level/{number:04d}.mat',
                    dict(groundtruth=blocks_of(random, 59)))
        else:
            savemat(root / f'annotations/image-level/{number:04d}.mat',
                    dict(tags=np.array([[1], [14]], np.uint8)))
    write_label_list(root / 'label_list.mat', LABELS)
    return root


@pytest.fixture
def convert(source, tmp_path):

    def run(*arguments):
        TOOL.main([
            '--source',
            str(source), '--out-dir',
            str(tmp_path / 'ccp'), *arguments
        ])
        return tmp_path / 'ccp'

    return run


def write_mask(source, stem, labels):
    savemat(source / f'annotations/pixel-level/{stem}.mat',
            dict(groundtruth=labels))


def test_every_label_has_its_class():
    assert len(LABELS) == len({*LABELS}) == 59
    assert (*LABELS_OF_CLASSES, ) == CCPDataset.METAINFO['classes']


def test_layout(convert, capsys):
    out_dir = convert()
    stems = {
        part: read_stems(out_dir / f'ImageSets/Segmentation/{part}.txt')
        for part in ('train', 'val', 'test', 'unlabeled')
    }
    assert [*map(len, stems.values())] == [7, 1, 2, 3]
    assert stems['unlabeled'] == ['0011', '0012', '0013']
    labeled = {*stems['train'], *stems['val'], *stems['test']}
    assert len(labeled) == LABELED
    for folder, expected in (('JPEGImages', labeled | {*stems['unlabeled']}),
                             ('SegmentationClass', labeled)):
        assert {file.stem for file in (out_dir / folder).iterdir()} == expected
    captured = capsys.readouterr()
    assert 'train: 7 images' in captured.out
    assert 'got 13 images, expected 2098' in captured.err
    assert 'got 10 images, expected 1004' in captured.err


def test_labels_are_merged(convert, source):
    names = ['null', 'hair', 'jeans', 'watch', 'hoodie', 'purse']
    row = np.array([[LABELS.index(name) for name in names]], np.uint8)
    write_mask(source, '0001', row.repeat(HEIGHT, 0))
    Image.new('RGB', (len(names), HEIGHT)).save(source / 'photos/0001.jpg')
    with Image.open(convert() / 'SegmentationClass/0001.png') as mask:
        assert mask.mode == 'P'
        ids, colours = np.array(mask)[0], np.array(mask.convert('RGB'))[0]
    assert [CCPDataset.METAINFO['classes'][i] for i in ids] == [
        'background', 'hair', 'trousers', 'accessory', 'top', 'bag']
    np.testing.assert_array_equal(
        colours, np.array(CCPDataset.METAINFO['palette'])[ids])


def test_the_list_of_labels_says_their_order(convert, source):
    write_label_list(source / 'label_list.mat', ['null', 'skin', 'dress'])
    for number in range(1, LABELED + 1):
        write_mask(source, f'{number:04d}',
                   np.full((HEIGHT, WIDTH), 2, np.uint8))
    with Image.open(convert() / 'SegmentationClass/0001.png') as mask:
        assert np.unique(mask).tolist() == [5]


def test_original_size_copies_the_photographs(convert, source):
    for stem in ('0001', '0011'):
        assert ((convert() / f'JPEGImages/{stem}.jpg').read_bytes() == (
            source / f'photos/{stem}.jpg').read_bytes())


def test_half_size(convert, source):
    whole = np.array(Image.open(convert() / 'SegmentationClass/0001.png'))
    out_dir = convert('--scale', '0.5', '--jpeg-quality', '100')
    # masks and photographs are blocks of 2 x 2 pixels
    np.testing.assert_array_equal(
        np.array(Image.open(out_dir / 'SegmentationClass/0001.png')),
        whole[::2, ::2])
    photo, smaller = (
        np.array(Image.open(folder / '0001.jpg')).astype(int)
        for folder in (source / 'photos', out_dir / 'JPEGImages'))
    means = photo.reshape(HEIGHT // 2, 2, WIDTH // 2, 2, 3).mean((1, 3))
    assert np.abs(smaller - means).mean() < 3
    with Image.open(out_dir / 'JPEGImages/0011.jpg') as unlabeled:
        assert unlabeled.size == (WIDTH // 2, HEIGHT // 2)


def test_jpeg_quality(convert):
    sizes = [(convert('--scale', '0.5', '--jpeg-quality', quality) /
              'JPEGImages/0001.jpg').stat().st_size
             for quality in ('20', '95')]
    assert sizes[0] < sizes[1]


def test_result_fits_the_data_set_class(convert):
    dataset = CCPDataset(
        data_root=str(convert()),
        ann_file='ImageSets/Segmentation/train.txt',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations')
        ])
    sample = dataset[0]
    assert len(dataset) == 7
    assert sample['img'].shape == (HEIGHT, WIDTH, 3)
    assert sample['gt_seg_map'].max() <= 11


def test_in_order(convert):
    lists = convert('--in-order') / 'ImageSets/Segmentation'
    assert read_stems(lists / 'val.txt') == ['0008']
    assert read_stems(lists / 'test.txt') == ['0009', '0010']


@pytest.mark.parametrize('arguments, message', [
    (['--scale', '0'], '--scale: got 0.0'),
    (['--scale', '2'], 'above 0 and up to 1'),
    (['--jpeg-quality', '101'], '--jpeg-quality: got 101'),
    (['--val-share', '0.9'], '--val-share 0.9'),
])
def test_wrong_options(convert, tmp_path, arguments, message):
    with pytest.raises(SystemExit, match=message):
        convert(*arguments)
    assert not (tmp_path / 'ccp').exists()


def test_unknown_labels(convert, source, tmp_path):
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[0, :2] = 59, 200
    write_mask(source, '0002', labels)
    with pytest.raises(
            SystemExit,
            match=r'0002.mat: got the labels 59, 200, expected 0 to 58'):
        convert()
    assert not (tmp_path / 'ccp/ImageSets').exists()


def test_mask_with_channels(convert, source):
    write_mask(source, '0003', np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    with pytest.raises(
            SystemExit, match=r'0003.mat: got a groundtruth of shape \(12, '):
        convert()


def test_tags_instead_of_a_mask(convert, source):
    savemat(source / 'annotations/pixel-level/0004.mat',
            dict(tags=np.array([[1]])))
    with pytest.raises(
            SystemExit, match='Cannot read groundtruth from .*0004.mat'):
        convert()


def test_damaged_mask(convert, source):
    (source / 'annotations/pixel-level/0001.mat').write_bytes(b'no mask')
    with pytest.raises(SystemExit, match='Cannot read groundtruth .* Clone'):
        convert()


def test_sizes_differ(convert, source):
    write_mask(source, '0005', np.zeros((HEIGHT, 4), np.uint8))
    with pytest.raises(SystemExit, match='has 10 x 12 pixels.*has 4 x 12;'):
        convert()


def test_other_label_list(convert, source):
    write_label_list(source / 'label_list.mat', ['null', 'sofa', 'hair'])
    with pytest.raises(SystemExit, match='got the labels sofa, expected'):
        convert()
    (source / 'label_list.mat').unlink()
    with pytest.raises(SystemExit, match='Cannot read label_list from'):
        convert()


def test_mask_without_photograph(convert, source):
    (source / 'photos/0006.jpg').unlink()
    with pytest.raises(
            SystemExit, match='1 of 10 masks .* no photograph .*0006. Clone'):
        convert()


def test_missing_folder_and_empty_folder(convert, source):
    masks = source / 'annotations/pixel-level'
    for file in masks.iterdir():
        file.unlink()
    with pytest.raises(SystemExit, match='has no .mat file. Clone'):
        convert()
    masks.rmdir()
    with pytest.raises(SystemExit, match='pixel-level does not exist. Clone'):
        convert()
