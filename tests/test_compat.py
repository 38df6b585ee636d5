"""Tests of ``mmseg_dcc/compat.py``."""
import importlib
import json
import os
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config.utils import MODULE2PACKAGE, _get_package_and_cfg_path
from mmengine.dataset import BaseDataset
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.runner import CheckpointLoader, Runner
from mmengine.utils.dl_utils import mmcv_full_available
from torch import nn

from mmseg_dcc import compat

from .conftest import reads_trainings_safely

lite_only = pytest.mark.skipif(
    mmcv_full_available(), reason='full mmcv has these operators')

FACTS = """
import json, warnings
warnings.simplefilter('ignore')
import mmseg_dcc
import mmseg.models
from mmengine.utils.dl_utils import mmcv_full_available

def error_of(action):
    try:
        action()
    except Exception as error:
        return [type(error).__name__, str(error)]

from mmcv.ops import RoIAlign, sigmoid_focal_loss

def submodule():
    import mmcv.ops.nms

def extension():
    import mmcv._ext

import mmcv.ops
print(json.dumps(dict(
    heads=len(mmseg.models.decode_heads.__all__) > 10,
    full=mmcv_full_available(),
    call=error_of(lambda: sigmoid_focal_loss(1, 2)),
    build=error_of(lambda: RoIAlign(output_size=7)),
    submodule=error_of(submodule),
    extension=error_of(extension),
    private=hasattr(mmcv.ops, '__file__') or hasattr(mmcv.ops, '_ext'))))
"""


@pytest.fixture(scope='module')
def facts():
    """Facts that a fresh interpreter finds after ``import mmseg_dcc``."""
    done = subprocess.run([sys.executable, '-c', FACTS],
                          stdout=subprocess.PIPE,
                          check=True)
    return json.loads(done.stdout.decode().splitlines()[-1])


@lite_only
class TestMmcvLite:

    @pytest.mark.slow
    def test_mmseg_models_can_be_imported(self, facts):
        assert facts['heads']

    def test_full_mmcv_is_not_pretended(self, facts):
        assert facts['full'] is False
        assert facts['extension'][0] == 'ModuleNotFoundError'
        assert facts['private'] is False

    @pytest.mark.parametrize('use, name', [('call', 'sigmoid_focal_loss'),
                                           ('build', 'RoIAlign')])
    def test_operators_fail_when_used(self, facts, use, name):
        error, message = facts[use]
        assert error == 'ImportError'
        assert message.startswith(f'mmcv.ops.{name} needs the compiled')
        assert 'pip uninstall mmcv-lite' in message

    def test_submodules_fail_to_import(self, facts):
        assert facts['submodule'][0] == 'ModuleNotFoundError'

    def test_import_finds_the_placeholder(self):
        assert importlib.util.find_spec('mmcv.ops') is not None
        assert importlib.import_module('mmcv').ops is sys.modules['mmcv.ops']


class TestPlaceholderIsNotInstalled:

    def test_over_loaded_operators(self, monkeypatch):
        real = ModuleType('mmcv.ops')
        monkeypatch.setitem(sys.modules, 'mmcv.ops', real)
        compat.install_mmcv_ops_placeholder()
        assert sys.modules['mmcv.ops'] is real

    def test_with_full_mmcv(self, monkeypatch):
        monkeypatch.delitem(sys.modules, 'mmcv.ops')
        monkeypatch.setattr(compat, 'mmcv_full_available', lambda: True)
        compat.install_mmcv_ops_placeholder()
        assert 'mmcv.ops' not in sys.modules

    def test_but_is_where_they_are_missing(self, monkeypatch):
        import mmcv
        monkeypatch.delitem(sys.modules, 'mmcv.ops')
        monkeypatch.setattr(mmcv, 'ops', None, raising=False)
        monkeypatch.setattr(compat, 'mmcv_full_available', lambda: False)
        compat.install_mmcv_ops_placeholder()
        assert isinstance(mmcv.ops, compat._MmcvOpsPlaceholder)
        assert sys.modules['mmcv.ops'] is mmcv.ops


class Ones(BaseDataset):

    def load_data_list(self):
        return [{}] * 2

    def prepare_data(self, idx):
        return dict(inputs=torch.ones(1))


class Tiny(BaseModel):

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, inputs, mode='loss'):
        return dict(loss=self.layer(torch.stack(inputs)).mean())


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """Checkpoint that a runner wrote after two iterations."""
    tmp_path = tmp_path_factory.mktemp('checkpoint')
    runner = Runner(
        Tiny(),
        work_dir=str(tmp_path),
        experiment_name=tmp_path.name,
        train_dataloader=dict(
            batch_size=1,
            dataset=Ones(),
            sampler=dict(type='DefaultSampler', shuffle=False)),
        train_cfg=dict(by_epoch=False, max_iters=2),
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.01)),
        param_scheduler=[dict(type='PolyLR', by_epoch=False, end=2)],
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', interval=2,
                            by_epoch=False)),
        log_level='ERROR')
    runner.message_hub.update_scalar('train/accuracy', np.float32(0.5))
    runner.message_hub.update_info('best', np.float64(0.75))
    runner.train()
    return str(tmp_path / 'iter_2.pth')


@reads_trainings_safely
class TestCheckpoints:

    def test_of_a_runner_is_loaded(self, checkpoint):
        loaded = torch.load(checkpoint, weights_only=True)
        assert loaded['meta']['iter'] == 2
        hub = loaded['message_hub']
        loss = hub['log_scalars']['train/loss']
        assert isinstance(loss, HistoryBuffer)
        assert len(loss.data[0]) == 2
        assert loss.mean() == np.mean(loss.data[0])
        assert loss.max() >= loss.min()
        assert loss.current() == loss.data[0][-1]
        assert hub['log_scalars']['train/accuracy'].current() == 0.5
        assert hub['runtime_info']['best'] == 0.75

    def test_needs_nothing_else(self, checkpoint):
        unsafe = torch.serialization.get_unsafe_globals_in_checkpoint
        assert unsafe(checkpoint) == []

    def test_is_refused_without_the_allow_list(self, checkpoint):
        allowed = torch.serialization.get_safe_globals()
        torch.serialization.clear_safe_globals()
        try:
            with pytest.raises(Exception, match='HistoryBuffer|getattr'):
                torch.load(checkpoint, weights_only=True)
        finally:
            torch.serialization.add_safe_globals(allowed)

    @pytest.mark.parametrize('dtype', [
        'float16', 'float32', 'float64', 'int8', 'int16', 'int32', 'int64',
        'uint8', 'uint16', 'uint32', 'uint64', 'bool'
    ])
    def test_numbers_of_numpy(self, tmp_path, dtype):
        array = np.ones((2, 3), dtype)
        path = str(tmp_path / 'numbers.pth')
        torch.save(dict(array=array, scalar=array[0, 0]), path)
        loaded = torch.load(path, weights_only=True)
        np.testing.assert_array_equal(loaded['array'], array)
        assert loaded['array'].dtype == array.dtype
        assert loaded['scalar'] == array[0, 0]


class Call:
    """Object that is pickled as a call of ``function``."""

    def __init__(self, function, *args):
        self.reduced = function, args

    def __reduce__(self):
        return self.reduced

    def __call__(self):
        """Not used; pickle only requires that the object is callable."""


def command(path):
    return f'"{sys.executable}" -c "open(r\'{path}\', \'w\')"'


MALICIOUS = dict(
    system=lambda path: Call(os.system, command(path)),
    getattr=lambda path: Call(
        Call(getattr, Call(importlib.import_module, 'os'), 'system'), command(
            path)),
    through_history_buffer=lambda path: Call(
        Call(
            getattr,
            Call(
                Call(
                    getattr,
                    Call(getattr, Call(getattr, HistoryBuffer, 'mean'),
                         '__globals__'), 'get'), '__builtins__'), 'get'),
        'eval'),
    # harmless in itself, but no plain getattr may be at hand
    attribute=lambda path: Call(getattr, HistoryBuffer, '__init__'),
    globals=lambda path: Call(
        getattr, Call(getattr, HistoryBuffer, 'mean'), '__globals__'),
    exec=lambda path: Call(exec, f'open(r{str(path)!r}, "w")'))


@reads_trainings_safely
@pytest.mark.parametrize('kind', MALICIOUS)
def test_tampered_file_is_refused(kind, tmp_path):
    trace, path = tmp_path / 'trace', str(tmp_path / 'tampered.pth')
    torch.save(dict(state_dict={}, meta=MALICIOUS[kind](trace)), path)
    with pytest.raises(Exception, match='[Ww]eights.only|tampered'):
        torch.load(path, weights_only=True)
    assert not trace.exists()


@pytest.mark.parametrize('kind', ['system', 'getattr', 'exec'])
def test_tampered_files_of_these_tests_would_do_harm(kind, tmp_path):
    trace, path = tmp_path / 'trace', str(tmp_path / 'tampered.pth')
    torch.save(MALICIOUS[kind](trace), path)
    torch.load(path, weights_only=False)
    assert trace.exists()


class TestGetattr:

    @pytest.mark.parametrize('name', ['current', 'max', 'mean', 'min'])
    def test_statistics_are_served(self, name):
        assert compat._history_buffer_getattr(
            HistoryBuffer, name) is getattr(HistoryBuffer, name)

    @pytest.mark.parametrize('owner, name', [
        (HistoryBuffer, '__init__'),
        (HistoryBuffer, '__globals__'),
        (HistoryBuffer, 'register_statistics'),
        (HistoryBuffer, 'statistics'),
        (HistoryBuffer, 'mean.__globals__'),
        (HistoryBuffer(), 'mean'),
        (type('HistoryBuffer', (HistoryBuffer, ), {}), 'mean'),
        (os, 'system'),
        (np.ndarray, 'max'),
        (SimpleNamespace(mean=eval), 'mean'),
    ])
    def test_all_else_is_refused(self, owner, name):
        with pytest.raises(AttributeError, match='tampered with'):
            compat._history_buffer_getattr(owner, name)


@pytest.mark.parametrize('installed, package', [
    ({'mmsegmentation'}, 'mmsegmentation'),
    ({'onedl-mmsegmentation'}, 'onedl-mmsegmentation'),
    ({'mmsegmentation', 'onedl-mmsegmentation'}, 'mmsegmentation'),
    (set(), 'mmsegmentation'),
])
def test_package_of_mmseg_configs(monkeypatch, installed, package):
    monkeypatch.setitem(MODULE2PACKAGE, 'mmseg', 'mmsegmentation')
    monkeypatch.setattr(compat, 'is_installed', installed.__contains__)
    compat.find_configs_of_fork()
    found, path = _get_package_and_cfg_path('mmseg::pspnet/any.py')
    assert (found, path) == (package, 'pspnet/any.py')


class Calls:
    """Object that is pickled as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@reads_trainings_safely
@pytest.mark.parametrize('function, arguments, name', [
    (os.system, ('touch was_run', ), 'system'),
    (eval, ("open('was_run', 'w')", ), 'eval'),
    (subprocess.getoutput, ('touch was_run', ), 'getoutput'),
    (nn.Identity, (), 'torch.nn.modules.linear.Identity'),
])
@pytest.mark.parametrize('as_zip', [True, False])
def test_file_that_holds_code_is_refused(function, arguments, name, as_zip,
                                         tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(
        dict(state_dict=Calls(function, *arguments)), 'model.pth',
        _use_new_zipfile_serialization=as_zip)
    with pytest.raises(compat.RefusedCheckpoint) as error:
        CheckpointLoader.load_checkpoint('model.pth')
    text = str(error.value)
    assert 'model.pth was not loaded' in text and name in text
    # torch's advice to load it nevertheless
    assert 'weights_only' not in text and 'succeed' not in text
    assert error.value.__suppress_context__
    assert not (tmp_path / 'was_run').exists()


@reads_trainings_safely
@pytest.mark.parametrize('content', [
    b'', b'<html>', b'\x80\x02}q\x00', b'PK\x03\x04 cut off'])
def test_file_that_is_no_checkpoint(content, tmp_path):
    path = tmp_path / 'model.pth'
    path.write_bytes(content)
    with pytest.raises(compat.RefusedCheckpoint,
                       match='model.pth is not a torch checkpoint'):
        CheckpointLoader.load_checkpoint(str(path))


def test_checkpoints_load_as_before(tmp_path, caplog):
    torch.save(dict(state_dict=dict(a=torch.ones(2))), tmp_path / 'a.pth')
    loaded = CheckpointLoader.load_checkpoint(
        str(tmp_path / 'a.pth'), map_location='cpu')
    assert loaded['state_dict']['a'].tolist() == [1, 1]
    with pytest.raises(FileNotFoundError, match='b.pth'):
        CheckpointLoader.load_checkpoint(str(tmp_path / 'b.pth'))
