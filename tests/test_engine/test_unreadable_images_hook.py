"""Tests of ``mmseg_dcc/engine/hooks/unreadable_images_hook.py``."""
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.logging import MMLogger
from mmseg.registry import DATASETS
from PIL import Image
from torch.utils.data import ConcatDataset, DataLoader

from mmseg_dcc.datasets import UnlabeledDataset
from mmseg_dcc.engine import UnreadableImagesHook
from tests.processes import run_processes


def make_folder(folder, broken):
    folder.mkdir()
    for i in range(6):
        Image.new('RGB', (8, 8)).save(folder / f'{i}.jpg')
    for i in broken:
        (folder / f'{i}.jpg').write_bytes(b'')
    return folder


def make_dataset(folder):
    return UnlabeledDataset(
        data_root=str(folder),
        max_unreadable_ratio=1,
        pipeline=[dict(type='LoadImageFromFile')])


def report(dataset):
    loader = SimpleNamespace(dataset=dataset)
    UnreadableImagesHook().after_train(SimpleNamespace(
        train_dataloader=loader))


@pytest.mark.parametrize('broken', [(), (1, 4)])
def test_counts(tmp_path, broken, warnings_logged, caplog):
    dataset = make_dataset(make_folder(tmp_path / 'photos', broken))
    for i in range(6):
        dataset.prepare_data(i)
    named = warnings_logged()
    report(ConcatDataset([[], dataset]))
    message = f'Unreadable unlabeled images: {len(broken)} of 6.'
    assert sum(message in text for text in caplog.messages) == 1
    assert len(named) == len(broken)
    # a warning only if there is something to warn of
    assert len(warnings_logged()) == len(broken) + bool(broken)


def test_data_sets_in_data_sets(tmp_path, warnings_logged):
    """The workers load them."""
    parts = [make_dataset(make_folder(tmp_path / name, broken))
             for name, broken in (('a', ()), ('b', [2]), ('c', [0, 1]))]
    nested = DATASETS.build(dict(type='ConcatDataset', datasets=[
        parts[0], dict(type='ConcatDataset', datasets=[
            parts[1], dict(
                type='RepeatDataset', dataset=parts[2], times=2)])]))
    list(DataLoader(nested, num_workers=1, collate_fn=list))
    report(nested)
    texts = [text for text in warnings_logged() if 'Each was' in text]
    assert [text.split(': ')[1].split('.')[0] for text in texts] == [
        '1 of 6', '2 of 6']


def test_other_datasets_are_no_error(caplog):
    report(ConcatDataset([[1], [2]]))
    assert 'Unreadable' not in caplog.text


def report_in_process(rank):
    texts = []
    MMLogger.get_current_instance().handlers[0].emit = (
        lambda record: texts.append(record.getMessage()))
    dataset = make_dataset(Path(os.environ['TEST_FOLDER']))
    dataset.prepare_data(1 if rank == 0 else 4)
    report(dataset)
    return texts


@pytest.mark.slow
def test_other_processes_are_heard(tmp_path, monkeypatch):
    folder = make_folder(tmp_path / 'photos', (1, 4))
    monkeypatch.setenv('TEST_FOLDER', str(folder))
    texts = run_processes(report_in_process, tmp_path)[0]
    assert len(texts) == 2 and '1.jpg' in texts[0]
    assert 'images: 2 of 6.' in texts[1]
    assert texts[1].endswith('photos/4.jpg') and '1.jpg' not in texts[1]
