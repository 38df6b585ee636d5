"""Tests that a folder is predicted as by mmseg's own test step."""
import csv
import sys

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmseg.registry import DATASETS, MODELS
from PIL import Image

from mmseg_dcc.apis.predict import config_for
from mmseg_dcc.apis.publish import publish
from mmseg_dcc.utils.input_error import InputError
from tests.conftest import reads_trainings_safely
from tests.tiny_published import (
    CLASSES,
    PALETTE,
    write_images,
    write_model,
)
from tests.tool_scripts import load_tool

NAMES = ['a/0.jpg', 'a/0.png', 'b/0.BMP', 'b/deep/1.webp', 'c.tif', 'd.jpeg']


def main(monkeypatch, *args):
    monkeypatch.setattr(
        sys, 'argv', ['predict.py', *map(str, args), '--device', 'cpu'])
    load_tool('predict.py').main()


def files_in(folder):
    return sorted(str(path.relative_to(folder))
                  for path in folder.rglob('*') if path.is_file())


def expected_mask(folder, index):
    cfg = Config.fromfile(folder / 'model.py')
    model = MODELS.build(cfg.model).eval()
    model.load_state_dict(torch.load(folder / 'model.pth')['state_dict'])
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    with torch.no_grad():
        result, = model.test_step(pseudo_collate([dataset[index]]))
    return result.pred_sem_seg.data[0].numpy()


def test_folder(tmp_path, monkeypatch, capsys):
    write_images(tmp_path, ['a/0.png', 'b/0.png'])
    files = write_model(tmp_path)
    out = tmp_path / 'out'
    main(monkeypatch, *files, tmp_path / 'images', '--out', out)
    assert files_in(out) == [
        'class_shares.csv', 'masks/a/0.png', 'masks/b/0.png',
        'overlays/a/0.jpg', 'overlays/b/0.jpg']
    image = Image.open(out / 'masks/b/0.png')
    mask = np.array(image)
    np.testing.assert_array_equal(mask, expected_mask(tmp_path, 1))
    assert image.getpalette()[:9] == sum(PALETTE, [])
    with open(out / 'class_shares.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['image'] for row in rows] == ['a/0.png', 'b/0.png']
    assert rows[1]['width'] == '28' and rows[1]['height'] == '20'
    for label, name in enumerate(CLASSES):
        assert float(rows[1][name]) == pytest.approx(
            100 * (mask == label).mean(), abs=1e-3)
    printed = capsys.readouterr().out
    assert all(name in printed for name in CLASSES)
    assert '2 images' in printed


def test_overlay_shows_image_and_colour(tmp_path, monkeypatch):
    # one colour: what JPEG keeps
    (tmp_path / 'images').mkdir()
    Image.new('RGB', (64, 64), (200, 0, 0)).save(tmp_path / 'images/a.png')
    files = write_model(tmp_path)
    main(monkeypatch, *files, tmp_path / 'images', '--out', tmp_path / 'out')
    mask = np.array(Image.open(tmp_path / 'out/masks/a.png'))
    picture = np.array(Image.open(tmp_path / 'out/overlays/a.jpg'), float)
    expected = (np.array(PALETTE)[mask] + (200, 0, 0)) / 2
    assert np.abs(picture - expected).mean() < 8


def test_any_type_and_stems_that_differ_in_the_suffix(tmp_path, monkeypatch):
    write_images(tmp_path, NAMES)
    write_model(tmp_path, config_in_checkpoint=True)
    (tmp_path / 'images/.hidden').mkdir()
    main(monkeypatch, tmp_path / 'model.pth', tmp_path / 'images', '--out',
         tmp_path / 'out')
    assert files_in(tmp_path / 'out/masks') == sorted(
        f'{name}.png' for name in NAMES)


def test_unreadable_images_are_named_and_skipped(tmp_path, monkeypatch,
                                                 capsys):
    write_images(tmp_path, ['a/0.jpg', 'b/0.jpg'])
    images = tmp_path / 'images'
    (images / 'a/0.jpg').write_text('no image')
    (images / 'empty.png').touch()
    (images / 'notes.heic').touch()
    files = write_model(tmp_path)
    main(monkeypatch, *files, images, '--out', tmp_path / 'out')
    told = capsys.readouterr()
    assert 'a/0.jpg is skipped' in told.err
    assert 'empty.png is skipped' in told.err
    assert '1 .heic' in told.err
    assert '2 images could not be read: a/0.jpg, empty.png' in told.out
    assert files_in(tmp_path / 'out/masks') == ['b/0.png']
    (images / 'b/0.jpg').unlink()
    with pytest.raises(SystemExit, match='None of the 2 images'):
        main(monkeypatch, *files, images, '--out', tmp_path / 'out')


def test_results_inside_of_the_folder_are_no_images(tmp_path, monkeypatch):
    write_images(tmp_path, ['a.png'])
    files = write_model(tmp_path)
    out = tmp_path / 'images/out'
    for _ in range(2):
        main(monkeypatch, *files, tmp_path / 'images', '--out', out)
    assert files_in(out) == [
        'class_shares.csv', 'masks/a.png', 'overlays/a.jpg']


def test_without_images(tmp_path, monkeypatch):
    files = write_model(tmp_path)
    with pytest.raises(SystemExit, match='no folder of images'):
        main(monkeypatch, *files, tmp_path / 'x', '--out', tmp_path / 'out')
    (tmp_path / 'x').mkdir()
    (tmp_path / 'x/a.avif').touch()
    with pytest.raises(SystemExit, match='other types: 1 .avif'):
        main(monkeypatch, *files, tmp_path / 'x', '--out', tmp_path / 'out')


@reads_trainings_safely
def test_published_model(tmp_path, monkeypatch):
    write_images(tmp_path, ['a.png'])
    write_model(tmp_path, config_in_checkpoint=True)
    expected = expected_mask(tmp_path, 0)
    published, config = publish(torch.load(tmp_path / 'model.pth'))
    (tmp_path / 'new').mkdir()
    given = tmp_path / 'new/given.pth'
    torch.save(published, given)
    # beside the checkpoint alone
    published['meta'].pop('cfg')
    beside = tmp_path / 'new/beside.pth'
    torch.save(published, beside)
    config.dump(tmp_path / 'new/beside.py')
    for files in ([given], [beside], [tmp_path / 'new/beside.py', given]):
        out = tmp_path / 'out' / str(len(files)) / files[0].stem
        main(monkeypatch, *files, tmp_path / 'images', '--out', out)
        np.testing.assert_array_equal(
            np.array(Image.open(out / 'masks/a.png')), expected)
    beside.with_suffix('.py').unlink()
    with pytest.raises(SystemExit, match='Add the config file'):
        main(monkeypatch, beside, tmp_path / 'images', '--out', tmp_path)


def test_weights_of_another_network_are_refused(tmp_path, monkeypatch):
    write_images(tmp_path, ['a.png'])
    config, checkpoint = write_model(tmp_path)
    for change in ('drop', 'nan'):
        broken = torch.load(checkpoint)
        weights = broken['state_dict']
        if change == 'drop':
            weights.pop('decode_head.conv_seg.weight')
        else:
            weights['decode_head.conv_seg.weight'].fill_(float('nan'))
        torch.save(broken, tmp_path / 'broken.pth')
        with pytest.raises(SystemExit, match='does not fit the network'):
            main(monkeypatch, config, tmp_path / 'broken.pth',
                 tmp_path / 'images', '--out', tmp_path / 'out')
    (tmp_path / 'broken.pth').write_bytes(checkpoint.read_bytes()[:999])
    with pytest.raises(SystemExit, match='cannot be read as a checkpoint'):
        main(monkeypatch, config, tmp_path / 'broken.pth',
             tmp_path / 'images', '--out', tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('text', [
    'import os',
    'model = dict(type=open("x", "w"))',
    'model = dict(type="subprocess.Popen", args=["touch", "x"])',
    'model = {"type": "os.system", "command": "touch x"}',
    'custom_imports = dict(imports=["a.b"])',
])
def test_code_in_a_checkpoint_is_not_run(text, tmp_path):
    with pytest.raises(InputError, match='holds code'):
        config_for(None, dict(meta=dict(cfg=text)), str(tmp_path / 'a.pth'))
