"""Tests that ONNX Runtime returns the results of mmseg's test step."""
import json
import os
import sys

import numpy as np
import onnxruntime
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_dcc.apis import export_onnx
from tests import tiny_models
from tests.conftest import ROOT
from tests.tool_scripts import load_tool

TOOL = load_tool('export_onnx.py')
CLASSES = ['sky', 'tree', 'road']
# Features of 6 x 9 positions at stride 8: not a multiple of the 2, 3 and 6
# bins of the pyramid, which older exporters refuse.
SHAPE = (45, 71)
NETWORKS = dict(
    deeplabv3plus=tiny_models.SINGLE,
    pspnet=dict(
        backbone=tiny_models.BACKBONE,
        decode_head=dict(tiny_models.PSP_HEAD, pool_scales=(1, 2, 3, 6))))


def model_config(name):
    return dict(
        NETWORKS[name],
        type='EncoderDecoder',
        data_preprocessor=dict(
            type='SegDataPreProcessor',
            mean=[120., 110., 100.],
            std=[60., 55., 50.],
            bgr_to_rgb=True),
        test_cfg=dict(mode='whole'))


@pytest.fixture(params=list(NETWORKS))
def files(request, tmp_path):
    """Config and checkpoint as written by tools/publish_model.py."""
    config = Config(dict(model=model_config(request.param)))
    torch.manual_seed(0)
    model = tiny_models.settle(MODELS.build(config.model))
    config.dump(str(tmp_path / 'model.py'))
    torch.save(
        dict(
            state_dict=model.state_dict(),
            meta=dict(dataset_meta=dict(classes=CLASSES))),
        tmp_path / 'model.pth')
    return tmp_path / 'model.py', tmp_path / 'model.pth'


def main(files, output, monkeypatch):
    monkeypatch.setattr(sys, 'argv', [
        'export_onnx.py', *map(str, files), '--output',
        str(output), '--shape', *map(str, SHAPE)
    ])
    TOOL.main()


@pytest.mark.slow
def test_runtime_meets_the_test_step(files, tmp_path, monkeypatch, capsys):
    output = tmp_path / 'model.onnx'
    main(files, output, monkeypatch)
    assert f'{output}: differs from torch by' in capsys.readouterr().out
    # one file, weights included
    assert [path.name for path in tmp_path.glob('*.onnx*')] == [output.name]
    session = onnxruntime.InferenceSession(
        str(output), providers=['CPUExecutionProvider'])
    assert json.loads(
        session.get_modelmeta().custom_metadata_map['classes']) == CLASSES

    model = TOOL.init_model(*map(str, files), device='cpu')
    for batch_size in (1, 4):
        images = torch.randint(
            256, (batch_size, 3, *SHAPE), dtype=torch.uint8)
        scores, = session.run(None, dict(image=images.numpy().astype('f4')))
        with torch.no_grad():
            results = model.test_step(
                dict(
                    inputs=list(images),
                    data_samples=[
                        SegDataSample(
                            metainfo=dict(img_shape=SHAPE, ori_shape=SHAPE))
                        for _ in images
                    ]))
        expected = torch.stack([r.seg_logits.data for r in results]).numpy()
        assert scores.shape == (batch_size, 3, *SHAPE)
        assert expected.std((0, 2, 3)).min() > 0.01
        np.testing.assert_allclose(
            scores, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_packages_that_are_missing(monkeypatch):
    monkeypatch.setattr(export_onnx, 'find_spec', lambda name: (
        None if name == 'onnxscript' else name))
    with pytest.raises(SystemExit, match='pip install onnxscript'):
        main(('a.py', 'a.pth'), 'a.onnx', monkeypatch)


@pytest.mark.slow
def test_tool_starts_without_them(run, tmp_path):
    """The modules import the optional packages only when they are used."""
    (tmp_path / 'onnxruntime.py').write_text('raise ImportError')
    run(sys.executable, ROOT / 'tools/export_onnx.py', '--help',
        PYTHONPATH=f'{tmp_path}{os.pathsep}{ROOT}')


@pytest.mark.parametrize('difference', [2e-4, float('nan')])
def test_wrong_export_is_refused(difference, monkeypatch):
    scope = TOOL.main.__wrapped__.__globals__
    monkeypatch.setitem(scope, 'init_model', lambda *args, **kwargs: None)
    monkeypatch.setitem(scope, 'export', lambda *args: difference)
    with pytest.raises(SystemExit, match='more than 1e-04. Do not use it'):
        main(('a.py', 'a.pth'), 'a.onnx', monkeypatch)
