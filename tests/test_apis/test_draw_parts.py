"""Tests of parts of a data set that are drawn group by group."""
import pytest

from mmseg_dcc.apis.draw_parts import draw_parts, write_parts
from mmseg_dcc.utils.input_error import InputError

STEMS = [f'{i:04d}' for i in range(1, 1005)]
GROUPS = [[f'{scene}_{i}_s' for i in range(count)]
          for scene, count in ((1, 30), (2, 10), (3, 34))]


def test_counts_and_no_image_twice():
    parts = draw_parts([STEMS], 0.1, 0.2, 0)
    assert {name: len(part) for name, part in parts.items()} == {
        'train': 704, 'val': 100, 'test': 200}
    assert sorted(sum(parts.values(), [])) == STEMS
    assert all(part == sorted(part) for part in parts.values())


def test_seeds():
    first, same, other = (
        draw_parts([STEMS], 0.1, 0.2, seed) for seed in (0, 0, 1))
    assert first == same
    # 10 are expected in common
    assert len({*first['val']} & {*other['val']}) < 30


def test_draw_never_changes():
    """Lists of the same seed must stay the same in all releases."""
    parts = draw_parts([STEMS[:20]], 0.1, 0.2, 0)
    assert parts['val'] == ['0012', '0017']
    assert parts['test'] == ['0001', '0004', '0013', '0016']


def test_without_seed_in_order():
    parts = draw_parts([STEMS], 0.1, 0.2, None)
    assert parts == dict(
        train=STEMS[:704], val=STEMS[704:804], test=STEMS[804:])


def test_each_group_gives_its_share():
    parts = draw_parts(GROUPS, 0.2, 0.1, 3)
    for scene, counts in (('1', (21, 6, 3)), ('2', (7, 2, 1)),
                          ('3', (25, 6, 3))):
        assert tuple(
            sum(stem.startswith(f'{scene}_') for stem in part)
            for part in parts.values()) == counts
    # not the same places in groups of the same size
    twins = draw_parts([GROUPS[0], [f'x{i}' for i in range(30)]], 0.2, 0.1, 3)
    assert {stem[1:] for stem in twins['val'] if stem[0] == 'x'} != {
        stem.split('_')[1] for stem in twins['val'] if stem[0] == '1'}


def test_no_test_part():
    parts = draw_parts([STEMS[:100]], 0.29, 0, 0)
    assert [*parts] == ['train', 'val']
    assert len(parts['val']) == 29


@pytest.mark.parametrize('val, test', [(0, 0.2), (1, 0), (0.5, 0.5),
                                       (0.2, -0.1)])
def test_wrong_shares(val, test):
    with pytest.raises(InputError, match='--val-share .* sum below 1'):
        draw_parts([STEMS], val, test, 0)


@pytest.mark.parametrize('seed', [-1, 2**32])
def test_wrong_seed(seed):
    with pytest.raises(InputError, match='--seed: got .*expected 0 to'):
        draw_parts([STEMS], 0.1, 0.2, seed)


def test_empty_part():
    with pytest.raises(InputError, match=r'left for val.txt: groups of \[4\]'):
        draw_parts([STEMS[:4]], 0.1, 0.5, 0)


def test_list_of_an_earlier_conversion_is_removed(tmp_path, capsys):
    for test_share in (0.2, 0):
        write_parts(draw_parts([STEMS], 0.1, test_share, 0), tmp_path)
    lists = tmp_path / 'ImageSets/Segmentation'
    assert {path.name for path in lists.iterdir()} == {'train.txt', 'val.txt'}
    printed = capsys.readouterr().out
    assert 'train: 904 images' in printed and 'test: none; removed' in printed
