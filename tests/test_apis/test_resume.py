"""Tests of ``mmseg_dcc/apis/resume.py``: nothing is overwritten or lost."""
import pytest
import torch

from mmseg_dcc.apis.resume import checkpoint_to_resume, is_intact


@pytest.fixture
def work_dir(tmp_path):
    """Two checkpoints and the file that names the newer one."""
    for number in (4, 12):
        torch.save(
            dict(state_dict=dict(x=torch.arange(1000.))),
            tmp_path / f'iter_{number}.pth')
    name(tmp_path, tmp_path / 'iter_12.pth')
    torch.save({}, tmp_path / 'best_mIoU_iter_99.pth')
    return tmp_path


def name(work_dir, path):
    (work_dir / 'last_checkpoint').write_text(str(path))


def cut_off(path, size=None):
    data = path.read_bytes()
    path.write_bytes(data[:len(data) // 2 if size is None else size])


def test_the_named_one(work_dir, warnings_logged):
    assert checkpoint_to_resume(work_dir) == str(work_dir / 'iter_12.pth')
    name(work_dir, work_dir / 'iter_4.pth')
    assert checkpoint_to_resume(work_dir) == str(work_dir / 'iter_4.pth')
    assert not warnings_logged()


@pytest.mark.parametrize('text', [None, '', ' \n', '/gone/iter_20.pth'])
def test_name_is_lost(text, work_dir, warnings_logged):
    if text is None:
        (work_dir / 'last_checkpoint').unlink()
    else:
        name(work_dir, text)
    # by number: 12 comes before 4 in the alphabet
    assert checkpoint_to_resume(work_dir) == str(work_dir / 'iter_12.pth')
    assert 'last_checkpoint is missing, empty or' in warnings_logged()[0]


def test_folder_that_has_moved(work_dir, warnings_logged):
    name(work_dir, '/old/place/iter_4.pth')
    assert checkpoint_to_resume(work_dir) == str(work_dir / 'iter_4.pth')
    assert not warnings_logged()


@pytest.mark.parametrize('size', [0, 10, None])
def test_newest_is_cut_off(size, work_dir, warnings_logged):
    cut_off(work_dir / 'iter_12.pth', size)
    assert checkpoint_to_resume(work_dir) == str(work_dir / 'iter_4.pth')
    warning, = warnings_logged()
    assert 'iter_12.pth is cut off' in warning and 'iter_4.pth' in warning


def test_flipped_bits(work_dir):
    path = work_dir / 'iter_12.pth'
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert not is_intact(path)
    assert checkpoint_to_resume(work_dir) == str(work_dir / 'iter_4.pth')


def test_none_is_intact(work_dir):
    for number in (4, 12):
        cut_off(work_dir / f'iter_{number}.pth')
    with pytest.raises(ValueError, match='none of .*iter_12.*iter_4.*intact'):
        checkpoint_to_resume(work_dir)


def test_nothing_to_go_on_from(tmp_path):
    assert checkpoint_to_resume(tmp_path) is None
    assert checkpoint_to_resume(tmp_path / 'none') is None


def test_epochs(tmp_path):
    for number in (2, 10):
        torch.save({}, tmp_path / f'epoch_{number}.pth')
    assert checkpoint_to_resume(tmp_path) == str(tmp_path / 'epoch_10.pth')
