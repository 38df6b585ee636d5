"""Tests of ``mmseg_dcc/apis/class_coverage.py``."""
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from mmseg_dcc.apis.class_coverage import Coverage, read_coverage
from mmseg_dcc.apis.make_splits import split_stems
from mmseg_dcc.utils.input_error import InputError
from tests.tool_scripts import load_tool

TOOL = load_tool('dataset_tools/make_splits.py')


@given(
    seed=st.integers(0, 99),
    images=st.integers(2, 60),
    classes=st.integers(1, 8),
    least=st.integers(1, 3))
def test_every_class_is_labeled(seed, images, classes, least):
    random = np.random.RandomState(seed)
    shown = random.rand(images, classes) < random.rand(classes)
    assume(shown.any(0).all())
    coverage = Coverage(shown, least)
    order = random.permutation(images)
    if shown.sum(0).min() < least:
        with pytest.raises(InputError, match='a class is on'):
            coverage.first(order, images)
        return
    found = coverage.first(order, images)
    assert sorted(found) == list(range(images))
    needed = next(count for count in range(images + 1)
                  if shown[found[:count]].sum(0).min() >= least)
    # no more are brought forward than one a class and wanted image
    assert needed <= least * classes
    rest = found[least * classes:]
    assert rest == [index for index in order if index in rest]
    if needed:
        with pytest.raises(InputError, match='images are needed'):
            coverage.first(order, needed - 1)


def test_the_rarest_class_chooses_first():
    shown = np.array([[1, 0], [1, 0], [1, 1], [1, 1]], dtype=bool)
    assert Coverage(shown, 1).first([0, 3, 1, 2], 1) == [3, 0, 1, 2]
    assert Coverage(shown, 2).first([0, 3, 1, 2], 2) == [3, 2, 0, 1]


def test_ratios_stay_nested():
    shown = np.random.RandomState(0).rand(64, 5) < 0.1
    stems = [f'{index:02d}' for index in range(64)]
    coverage = Coverage(shown, 1)
    small, _ = split_stems(stems, Fraction(1, 8), 0, coverage)
    large, _ = split_stems(stems, Fraction(1, 4), 0, coverage)
    assert set(small) < set(large)
    plain, _ = split_stems(stems, Fraction(1, 8), 0)
    assert not shown[[int(stem) for stem in plain]].any(0).all()
    assert shown[[int(stem) for stem in small]].any(0).all()


@pytest.fixture
def master(tmp_path):
    """Twelve masks of background; only the last one shows class 3."""
    folder = tmp_path / 'masks'
    folder.mkdir()
    for index in range(12):
        mask = np.zeros((2, 2), np.uint8)
        mask[0, 0] = 255
        mask[1, 1] = 3 * (index == 11)
        Image.fromarray(mask).save(folder / f'{index:02d}.png')
    path = tmp_path / 'train.txt'
    path.write_text('\n'.join(f'{index:02d}' for index in range(12)))
    return path


def run(master, *options):
    TOOL.main([
        'list', '--list', str(master), '--ratios', '1/6', '--out-dir',
        str(master.parent / 'out'), *options
    ])
    return [
        (master.parent / f'out/1-6_seed{seed}_labeled.txt').read_text()
        for seed in range(3)
    ]


def test_tool(master):
    masks = str(master.parent / 'masks')
    assert not all('11' in labeled for labeled in run(master))
    chosen = run(master, '--least-per-class', '1', '--masks', masks)
    assert all('11' in labeled for labeled in chosen)
    coverage = read_coverage(['00', '11'], master.parent / 'masks', 1)
    assert coverage.shown.tolist() == [[True, False], [True, True]]


@pytest.mark.parametrize('options, message', [
    (['--least-per-class', '2', '--masks', '{}'], 'a class is on 1'),
    (['--least-per-class', '1'], 'give both or neither'),
    (['--masks', '{}'], 'give both or neither'),
    (['--least-per-class', '-1', '--masks', '{}'], 'give both or neither'),
    (['--least-per-class', '1', '--masks', '{}/gone'], 'gone'),
])
def test_refused(options, message, master):
    masks = master.parent / 'masks'
    with pytest.raises(SystemExit, match=message):
        run(master, *[option.format(masks) for option in options])


def test_masks_of_another_kind(master):
    path = master.parent / 'masks/04.png'
    options = ['--least-per-class', '1', '--masks', str(path.parent)]
    Image.new('RGB', (2, 2)).save(path)
    with pytest.raises(SystemExit, match='04.png has the mode RGB'):
        run(master, *options)
    path.unlink()
    with pytest.raises(SystemExit, match='04.png is missing'):
        run(master, *options)
