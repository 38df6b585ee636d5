"""Tests of masks and list of VOC's augmented training set."""
import mmcv
import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from mmseg_dcc.apis import convert_sbd
from mmseg_dcc.utils.list_files import read_stems, write_stems
from tests.tool_scripts import load_tool

TOOL = load_tool('dataset_tools/convert_sbd.py')

PALETTE = list(range(256)) * 3
SHAPE = (4, 6)


def save_sbd_mask(path, ids):
    """Writes a class annotation in the structure of SBD."""
    categories = np.unique(ids[(ids > 0) & (ids < 255)])
    boundaries = np.empty((20, 1), object)
    boundaries[:] = [[np.zeros(SHAPE, bool)]] * 20
    savemat(
        path, {
            'GTcls': {
                'Boundaries': boundaries,
                'Segmentation': ids,
                'CategoriesPresent': categories.reshape(-1, 1)
            }
        },
        do_compression=True)


def make_ids(value):
    ids = np.zeros(SHAPE, np.uint8)
    ids[1:3, 2:5] = value
    return ids


@pytest.fixture
def roots(tmp_path):
    """VOC has train a, b and val v, w; SBD has b, c, v and d.

    b is in both training sets with different masks, v in SBD although it
    belongs to VOC's val.
    """
    voc, sbd = tmp_path / 'VOC2012', tmp_path / 'VOCaug'
    lists = voc / 'ImageSets/Segmentation'
    write_stems(lists / 'train.txt', ['a', 'b'])
    write_stems(lists / 'val.txt', ['v', 'w'])
    write_stems(sbd / 'dataset/train.txt', ['b', 'c', 'v'])
    write_stems(sbd / 'dataset/val.txt', ['d'])
    (voc / 'SegmentationClass').mkdir()
    for stem, value in (('a', 255), ('b', 2), ('v', 3), ('w', 4)):
        mask = Image.fromarray(make_ids(value))
        mask.putpalette(PALETTE)
        mask.save(voc / 'SegmentationClass' / f'{stem}.png')
    (sbd / 'dataset/cls').mkdir()
    for stem, value in (('b', 12), ('c', 13), ('v', 14), ('d', 20)):
        save_sbd_mask(sbd / 'dataset/cls' / f'{stem}.mat', make_ids(value))
    return voc, sbd


def convert(roots):
    TOOL.main(
        ['--data-root',
         str(roots[0]), '--sbd-root',
         str(roots[1])])


def test_merges_both(roots, capsys):
    convert(roots)
    voc, _ = roots
    stems = read_stems(voc / 'ImageSets/Segmentation/train_aug.txt')
    assert stems == ['a', 'b', 'c', 'd']
    mask_dir = voc / 'SegmentationClassAug'
    assert sorted(file.name for file in mask_dir.iterdir()) == [
        f'{stem}.png' for stem in stems
    ]
    for stem, value in (('a', 255), ('b', 2), ('c', 13), ('d', 20)):
        # Read in the same way as mmseg's LoadAnnotations does.
        ids = mmcv.imread(
            mask_dir / f'{stem}.png', flag='unchanged', backend='pillow')
        np.testing.assert_array_equal(ids, make_ids(value))
        with Image.open(mask_dir / f'{stem}.png') as mask:
            assert mask.mode == 'P' and mask.getpalette() == PALETTE
    captured = capsys.readouterr()
    assert '4 masks in' in captured.out
    assert '2 from VOC, 2 from SBD' in captured.out
    assert 'got 4 images, expected 10582' in captured.err


def test_masks_of_voc_are_copied_unchanged(roots):
    convert(roots)
    for stem in 'ab':
        source, copy = (
            (roots[0] / folder / f'{stem}.png').read_bytes()
            for folder in ('SegmentationClass', 'SegmentationClassAug'))
        assert source == copy


def test_no_warning_at_the_full_count(roots, monkeypatch, capsys):
    monkeypatch.setattr(convert_sbd, 'VOC_TRAIN_AUG_COUNT', 4)
    convert(roots)
    assert capsys.readouterr().err == ''


def test_mask_missing_in_both(roots):
    voc, sbd = roots
    (sbd / 'dataset/cls/c.mat').unlink()
    with pytest.raises(SystemExit, match='1 of 4 images have a mask neither'):
        convert(roots)
    assert not (voc / 'SegmentationClassAug').exists()
    assert not (voc / 'ImageSets/Segmentation/train_aug.txt').exists()


def test_no_mask_of_voc_at_all(roots):
    voc, sbd = roots
    write_stems(voc / 'ImageSets/Segmentation/train.txt', ['b'])
    (voc / 'SegmentationClass/b.png').unlink()
    with pytest.raises(SystemExit, match='SegmentationClass has no mask of'):
        convert(roots)


def test_masks_of_voc_without_palette(roots):
    voc, _ = roots
    Image.fromarray(make_ids(1)).save(voc / 'SegmentationClass/a.png')
    with pytest.raises(SystemExit, match='a.png: got an image with 0 pal'):
        convert(roots)


def test_unknown_ids(roots):
    _, sbd = roots
    save_sbd_mask(sbd / 'dataset/cls/c.mat', make_ids(21))
    with pytest.raises(
            SystemExit, match=r'c.mat: got the class ids \[21\], expected 0'):
        convert(roots)


@pytest.mark.parametrize('damage', ['text', 'instances'])
def test_unreadable_annotation(roots, damage):
    voc, sbd = roots
    path = sbd / 'dataset/cls/c.mat'
    if damage == 'text':
        path.write_text('not a mat file at all')
    else:
        savemat(path, {'GTinst': {'Segmentation': make_ids(1)}})
    with pytest.raises(SystemExit, match='Cannot read .*c.mat.*GTcls'):
        convert(roots)
    assert not (voc / 'SegmentationClassAug/c.png').exists()
    assert not (voc / 'ImageSets/Segmentation/train_aug.txt').exists()


def test_missing_roots(roots, tmp_path):
    voc, sbd = roots
    with pytest.raises(SystemExit, match='does not exist. Download VOCtrain'):
        convert((tmp_path / 'none', sbd))
    with pytest.raises(SystemExit, match='does not exist. Download benchmar'):
        convert((voc, tmp_path / 'none'))


def test_missing_list(roots):
    (roots[1] / 'dataset/val.txt').unlink()
    with pytest.raises(SystemExit, match='val.txt does not exist. Download'):
        convert(roots)
