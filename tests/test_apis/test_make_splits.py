"""Tests of lists by ratio and seed, and of the files."""
import math
import random
import subprocess
import sys
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmseg_dcc.apis import make_splits
from mmseg_dcc.utils.atomic_file import written_atomically
from mmseg_dcc.utils.input_error import InputError
from mmseg_dcc.utils.list_files import read_stems, write_stems
from tests.conftest import ROOT, environment
from tests.tool_scripts import load_tool

TOOL = load_tool('dataset_tools/make_splits.py')

VOC_STEMS = [f'{2007 + i % 5}_{i:06d}' for i in range(10582)]
CITYSCAPES_STEMS = [f'aachen/aachen_{i:06d}_000019' for i in range(2975)]


def read_split(folder, name):
    return [
        (folder / f'{name}_{role}.txt').read_text(encoding='utf-8').split()
        for role in ('labeled', 'unlabeled')
    ]


@pytest.fixture
def voc_root(tmp_path):
    root = tmp_path / 'VOC2012'
    write_stems(root / 'ImageSets/Segmentation/train_aug.txt', VOC_STEMS)
    write_stems(root / 'ImageSets/Segmentation/train.txt', VOC_STEMS[:1464])
    return root


@pytest.mark.parametrize('total, ratio, expected', [
    (10582, '1/16', 662),
    (10582, '1/8', 1323),
    (10582, '1/4', 2645),
    (10582, '1/2', 5291),
    (10582, 'full', 10582),
    (2975, '1/8', 372),
    (2975, '1/4', 744),
    (2975, 'full', 2975),
    (367, '1/8', 46),
    (367, '1/4', 92),
    (10583, '1/4', 2646),
])
def test_known_counts(total, ratio, expected):
    ratio = make_splits.parse_ratio(ratio)
    assert make_splits.count_labeled(total, ratio) == expected


@given(
    total=st.integers(2, 400),
    numerator=st.integers(1, 20),
    extra=st.integers(1, 20),
    seed=st.integers(0, 2**32 - 1))
def test_split_has_exact_count_and_is_a_partition(total, numerator, extra,
                                                  seed):
    ratio = Fraction(numerator, numerator + extra)
    stems = [f'image_{i}' for i in range(total)]
    expected = math.ceil(total * ratio)
    if expected == total:
        with pytest.raises(InputError, match='leaves none unlabeled'):
            make_splits.split_stems(stems, ratio, seed)
        return
    labeled, unlabeled = make_splits.split_stems(stems, ratio, seed)
    assert len(labeled) == expected
    assert sorted(labeled + unlabeled) == sorted(stems)
    assert not set(labeled) & set(unlabeled)
    assert labeled == sorted(labeled) and unlabeled == sorted(unlabeled)


@given(st.integers(1, 10**9), st.integers(1, 10**6), st.integers(1, 10**6))
def test_count_is_the_smallest_that_reaches_the_ratio(total, first, second):
    ratio = Fraction(min(first, second), max(first, second))
    if (total, ratio) not in make_splits.PUBLISHED_LABELED_COUNTS:
        count = make_splits.count_labeled(total, ratio)
        assert (count - 1) < total * ratio <= count


@pytest.mark.parametrize('stems', [VOC_STEMS, CITYSCAPES_STEMS])
def test_smaller_ratio_is_subset_of_larger(stems):
    for seed in range(3):
        sixteenth, eighth, quarter = (
            set(make_splits.split_stems(stems, Fraction(1, part), seed)[0])
            for part in (16, 8, 4))
        assert sixteenth < eighth < quarter


def test_seeds_are_independent_draws():
    first, second = (
        set(make_splits.split_stems(VOC_STEMS, Fraction(1, 4), seed)[0])
        for seed in (0, 1))
    # 2645**2 / 10582 = 661 are expected in common, with a standard
    # deviation of 19.
    assert 561 < len(first & second) < 761


def test_order_of_master_list_does_not_matter():
    shuffled = random.Random(7).sample(VOC_STEMS, len(VOC_STEMS))
    assert shuffled != VOC_STEMS
    assert (make_splits.split_stems(shuffled, Fraction(1, 8), 2) ==
            make_splits.split_stems(VOC_STEMS, Fraction(1, 8), 2))


def test_draw_never_changes():
    """Lists of the same seed must stay the same in all releases."""
    labeled, _ = make_splits.split_stems([f'{i:02d}' for i in range(40)],
                                         Fraction(1, 8), 0)
    assert labeled == ['04', '10', '20', '22', '25']


def test_voc_writes_all_lists(voc_root, capsys):
    TOOL.main(['voc', '--data-root', str(voc_root)])
    out_dir = voc_root / 'ImageSets/Segmentation/dcc'
    captured = capsys.readouterr()
    for name, count in (('1-16', 662), ('1-8', 1323), ('1-4', 2645)):
        for seed in range(3):
            labeled, unlabeled = read_split(out_dir, f'{name}_seed{seed}')
            assert len(labeled) == len(set(labeled)) == count
            assert len(unlabeled) == 10582 - count
            assert set(labeled) | set(unlabeled) == set(VOC_STEMS)
            assert (f'{name}_seed{seed}: {count} labeled, {10582 - count} '
                    'unlabeled' in captured.out)
    assert len(list(out_dir.iterdir())) == 4 * 3 * 2 + 2
    assert captured.err == ''


def test_split_of_table_5(voc_root, capsys):
    TOOL.main(['voc', '--data-root', str(voc_root), '--seeds', '0'])
    folder = voc_root / 'ImageSets/Segmentation/dcc'
    labeled, unlabeled = read_split(folder, '1464')
    assert labeled == sorted(VOC_STEMS[:1464])
    assert unlabeled == sorted(VOC_STEMS[1464:])
    assert len(unlabeled) == 9118
    assert not capsys.readouterr().err

    (voc_root / 'ImageSets/Segmentation/train.txt').unlink()
    TOOL.main([
        'voc', '--data-root',
        str(voc_root), '--seeds', '0', '--out-dir',
        str(voc_root / 'new')
    ])
    assert 'Table 5 is not written' in capsys.readouterr().err
    assert not (voc_root / 'new/1464_labeled.txt').exists()


def test_full_uses_the_master_list_twice(voc_root):
    TOOL.main(
        ['voc', '--data-root',
         str(voc_root), '--ratios', 'full', '--seeds', '5'])
    labeled, unlabeled = read_split(voc_root / 'ImageSets/Segmentation/dcc',
                                    'full_seed5')
    assert labeled == unlabeled == sorted(VOC_STEMS)


def test_second_run_writes_the_same(voc_root, tmp_path):
    for name in ('first', 'second'):
        TOOL.main([
            'voc', '--data-root',
            str(voc_root), '--out-dir',
            str(tmp_path / name), '--ratios', '1/8'
        ])
    first, second = ({
        file.name: file.read_bytes()
        for file in (tmp_path / name).iterdir()
    } for name in ('first', 'second'))
    assert first == second and len(first) == 8


def test_voc_warns_of_another_count(voc_root, capsys):
    write_stems(voc_root / 'short.txt', VOC_STEMS[:1464])
    TOOL.main([
        'voc', '--data-root',
        str(voc_root), '--list', 'short.txt', '--ratios', '1/8'
    ])
    captured = capsys.readouterr()
    assert 'got 1464 images, expected 10582' in captured.err
    assert '183 labeled, 1281 unlabeled' in captured.out


def test_cityscapes_scans_the_images(tmp_path, capsys):
    image_folder = tmp_path / 'leftImg8bit' / 'train'
    for city, count in (('aachen', 5), ('zurich', 7)):
        (image_folder / city).mkdir(parents=True)
        for i in range(count):
            stem = f'{city}_{i:06d}_000019'
            (image_folder / city / f'{stem}_leftImg8bit.png').touch()
    (image_folder / 'aachen' / 'notes.png').touch()
    TOOL.main(
        ['cityscapes', '--data-root',
         str(tmp_path), '--seeds', '0'])
    out_dir = tmp_path / 'splits' / 'dcc'
    assert sorted(file.name for file in out_dir.iterdir()) == sorted(
        f'{ratio}_seed0_{role}.txt' for ratio in ('1-8', '1-4', 'full')
        for role in ('labeled', 'unlabeled'))
    labeled, unlabeled = read_split(out_dir, '1-4_seed0')
    assert len(labeled) == 3 and len(unlabeled) == 9
    assert 'zurich/zurich_000006_000019' in labeled + unlabeled
    assert 'got 12 images, expected 2975' in capsys.readouterr().err


def test_own_list(tmp_path, capsys):
    write_stems(tmp_path / 'train.txt',
                [f'0001TP_{i:06d}' for i in range(367)])
    TOOL.main([
        'list', '--list',
        str(tmp_path / 'train.txt'), '--out-dir',
        str(tmp_path / 'dcc'), '--seeds', '0'
    ])
    printed = capsys.readouterr().out
    assert '1-8_seed0: 46 labeled, 321 unlabeled' in printed
    assert '1-4_seed0: 92 labeled, 275 unlabeled' in printed
    assert 'full_seed0: 367 labeled, 367 unlabeled' in printed


@pytest.fixture
def photos(tmp_path):
    """704 images with masks, 100 for validation, 1,094 without masks."""
    stems = [f'{i:04d}' for i in range(1, 2099)]
    for name, part in (('train', stems[:704]), ('val', stems[704:804]),
                       ('unlabeled', stems[1004:])):
        write_stems(tmp_path / f'{name}.txt', part)

    def run(*arguments):
        TOOL.main([
            'list', '--list',
            str(tmp_path / 'train.txt'), '--out-dir',
            str(tmp_path / 'dcc'), *map(str, arguments)
        ])
        return tmp_path / 'dcc'

    return run


def test_three_draws_of_small_ratios(photos, capsys):
    out_dir = photos('--ratios', '1/16', '1/8', '1/4')
    printed = capsys.readouterr().out
    for seed in range(3):
        for name, count in (('1-16', 44), ('1-8', 88), ('1-4', 176)):
            assert (f'{name}_seed{seed}: {count} labeled, {704 - count} '
                    'unlabeled' in printed)
    draws = {(out_dir / f'1-16_seed{seed}_labeled.txt').read_text()
             for seed in range(3)}
    assert len(draws) == 3


def test_extra_images_are_unlabeled_in_every_split(photos, tmp_path, capsys):
    arguments = '--ratios', '1/16', 'full', '--seeds', '0'
    plain = photos(*arguments).rename(tmp_path / 'plain')
    out_dir = photos(*arguments, '--extra-unlabeled',
                     tmp_path / 'unlabeled.txt')
    assert 'each split, compared with ' + str(
        tmp_path / 'val.txt') in capsys.readouterr().out
    extra = read_stems(tmp_path / 'unlabeled.txt')
    val = read_stems(tmp_path / 'val.txt')
    for name in ('1-16_seed0', 'full_seed0'):
        before, after = read_split(plain, name), read_split(out_dir, name)
        assert after[0] == before[0]
        assert after[1] == sorted(before[1] + extra)
        assert len({*after[1]}) == len(after[1])
        assert not {*val} & {*after[0], *after[1]}


@pytest.mark.parametrize('added, other', [
    ('0700', 'train.txt'),
    ('0800', 'val.txt'),
    ('0900', 'test.txt'),
])
def test_extra_images_that_have_masks_are_refused(photos, tmp_path, added,
                                                  other):
    write_stems(tmp_path / 'test.txt', ['0900', '0901'])
    write_stems(tmp_path / 'extra.txt', ['1500', added])
    with pytest.raises(
            SystemExit,
            match=f'extra.txt: 1 of 2 images are also in .*{other}: {added}'):
        photos('--extra-unlabeled', tmp_path / 'extra.txt')
    assert not (tmp_path / 'dcc').exists()


def test_held_out_lists_lie_anywhere(photos, tmp_path):
    held_out = tmp_path / 'lists/quiz.txt'
    write_stems(held_out, ['1100'])
    with pytest.raises(SystemExit, match='give both or neither'):
        photos('--held-out', held_out)
    with pytest.raises(SystemExit, match=r'also in .*quiz\.txt: 1100\. Noth'):
        photos('--extra-unlabeled', tmp_path / 'unlabeled.txt', '--held-out',
               held_out)


@pytest.mark.parametrize('text, ratio, name', [
    ('1/8', Fraction(1, 8), '1-8'),
    ('2/16', Fraction(1, 8), '1-8'),
    ('0.25', Fraction(1, 4), '1-4'),
    ('full', Fraction(1), 'full'),
    ('1', Fraction(1), 'full'),
])
def test_ratio_forms(text, ratio, name):
    assert make_splits.parse_ratio(text) == ratio
    assert make_splits.format_ratio(ratio) == name


@pytest.mark.parametrize('text', ['0', '5/4', '-1/8', '1/0', 'half', ''])
def test_wrong_ratio(text):
    with pytest.raises(
            InputError, match='expected "full" or a number above 0'):
        make_splits.parse_ratio(text)


@pytest.mark.parametrize('seed', [-1, 2**32])
def test_wrong_seed(seed):
    with pytest.raises(InputError, match='Seed: got .*expected 0 to'):
        make_splits.split_stems(['a', 'b', 'c'], Fraction(1, 3), seed)


def test_nothing_is_written_if_one_ratio_does_not_fit(tmp_path):
    with pytest.raises(InputError, match='Ratio 9/10 of 4 images'):
        make_splits.make_splits(['a', 'b', 'c', 'd'],
                                [Fraction(1, 2), Fraction(9, 10)], [0],
                                tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('command, hint', [
    ('voc', 'Download VOCtrainval_11-May-2012.tar'),
    ('cityscapes', 'Register at https://www.cityscapes-dataset.com'),
])
def test_missing_data_root(tmp_path, command, hint):
    with pytest.raises(SystemExit, match=f'does not exist. {hint}'):
        TOOL.main([command, '--data-root', str(tmp_path / 'missing')])


def test_missing_voc_list(tmp_path):
    with pytest.raises(
            SystemExit, match='train_aug.txt does not exist.*convert_sbd.py'):
        TOOL.main(['voc', '--data-root', str(tmp_path)])


def test_cityscapes_without_images(tmp_path):
    (tmp_path / 'leftImg8bit' / 'train').mkdir(parents=True)
    with pytest.raises(SystemExit, match='has no file .*_leftImg8bit.png'):
        TOOL.main(['cityscapes', '--data-root', str(tmp_path)])


@pytest.mark.parametrize('content, message', [
    (b'a\nb\n\na\n', r":4: 'a' is a duplicate of line 1"),
    (b'a\nJPEGImages/b.jpg\n', r':2: got .*expected one stem'),
    (b'a b\n', r':1: got .*expected one stem.*import_splits.py'),
    (b'/a\n', r':1: got .*expected one stem'),
    (b'\n \n', r'is empty; expected one image per line'),
    (b'\xff\xfe\x00a', r'is not a text file in UTF-8'),
])
def test_wrong_list(tmp_path, content, message):
    path = tmp_path / 'list.txt'
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_stems(path)


def test_list_from_windows_editor(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_bytes(b'\xef\xbb\xbfa\r\nb\r\n')
    assert read_stems(path) == ['a', 'b']


def test_interrupted_writing_keeps_the_old_file(tmp_path):
    path = tmp_path / 'list.txt'
    write_stems(path, ['old'])
    with pytest.raises(KeyboardInterrupt), written_atomically(path) as file:
        file.write_text('half')
        raise KeyboardInterrupt
    assert path.read_text() == 'old\n'
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_command_ends_without_traceback(tmp_path):
    script = ROOT / 'tools/dataset_tools/make_splits.py'
    result = subprocess.run(
        [
            sys.executable, script, 'voc', '--data-root',
            str(tmp_path / 'missing')
        ],
        env=environment(),
        capture_output=True,
        text=True,
        check=False)
    assert result.returncode == 1
    assert result.stdout == ''
    assert result.stderr.startswith(f'Error: Folder {tmp_path / "missing"} ')
    assert 'Traceback' not in result.stderr
