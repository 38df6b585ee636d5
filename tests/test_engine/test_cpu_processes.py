"""Tests of ``mmseg_dcc/engine/cpu_processes.py``."""
import copy
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmengine.optim import AmpOptimWrapper
from mmengine.registry import MODEL_WRAPPERS
from torch.nn import SyncBatchNorm

from mmseg_dcc.engine import cpu_processes
from mmseg_dcc.engine.cpu_processes import run_on_cpu_if_needed


def config(launcher='none', **others):
    norm = dict(type='SyncBN', requires_grad=True)
    return Config(
        dict(
            launcher=launcher,
            norm_cfg=norm,
            model=dict(
                type='EncoderDecoder',
                backbone=dict(type='ResNetV1c', norm_cfg=norm),
                auxiliary_head=[
                    dict(norm_cfg=norm),
                    dict(layers=[[dict(norm_cfg=norm)],
                                 (dict(norm_cfg=norm), 'SyncBN')])
                ],
                decode_head=dict(norm_cfg=dict(type='GN', num_groups=2))),
            **others))


@pytest.fixture
def groups(monkeypatch):
    """Process groups that were created."""
    made = []
    monkeypatch.setattr(cpu_processes, 'get_device', lambda: 'cpu')
    # not patched in torch itself, where mmengine would see it, too
    monkeypatch.setattr(
        cpu_processes, 'dist',
        SimpleNamespace(
            is_initialized=lambda: bool(made),
            init_process_group=lambda **kwargs: made.append(kwargs)))
    return made


def test_sync_bn_is_replaced_at_any_depth(groups):
    cfg = config()
    run_on_cpu_if_needed(cfg)
    norm = dict(type='BN', requires_grad=True)
    assert cfg.norm_cfg == norm
    assert cfg.model.backbone.norm_cfg == norm
    heads = cfg.model.auxiliary_head
    assert heads[0].norm_cfg == norm
    assert heads[1].layers[0][0].norm_cfg == norm
    assert heads[1].layers[1][0].norm_cfg == norm
    # a name that is no type is left alone, as are other layers
    assert heads[1].layers[1][1] == 'SyncBN'
    assert cfg.model.decode_head.norm_cfg == dict(type='GN', num_groups=2)
    assert "type='SyncBN'" not in cfg.pretty_text


def test_classes_in_place_of_names(groups):
    """As in configs in pure Python."""
    cfg = config()
    cfg.norm_cfg.type = SyncBatchNorm
    cfg.optim_wrapper = dict(type=AmpOptimWrapper, loss_scale='dynamic')
    run_on_cpu_if_needed(cfg)
    assert cfg.norm_cfg.type == 'BN'
    assert cfg.optim_wrapper == dict(type='mmseg.CpuAmpOptimWrapper')


def test_one_process_needs_no_group(groups):
    cfg = config()
    run_on_cpu_if_needed(cfg)
    assert not groups
    assert 'model_wrapper_cfg' not in cfg
    assert 'custom_hooks' not in cfg


def test_pytorch_launcher_uses_gloo(groups):
    cfg = config('pytorch')
    run_on_cpu_if_needed(cfg)
    assert groups == [dict(backend='gloo')]
    assert cfg.model_wrapper_cfg == dict(
        type='MMDistributedDataParallel',
        device_ids=None,
        broadcast_buffers=False)
    assert cfg.model_wrapper_cfg.type in MODEL_WRAPPERS
    assert cfg.norm_cfg.type == 'BN'
    assert cfg.custom_hooks == [dict(type='mmseg.RankZeroBuffersHook')]


def test_existing_group_and_wrapper_are_kept(groups):
    groups.append('made before')
    cfg = config(
        'pytorch',
        model_wrapper_cfg=dict(type='Mine'),
        custom_hooks=[dict(type='SupervisedWarmupHook')])
    run_on_cpu_if_needed(cfg)
    assert groups == ['made before']
    assert cfg.model_wrapper_cfg == dict(type='Mine')
    assert [hook.type for hook in cfg.custom_hooks
            ] == ['SupervisedWarmupHook', 'mmseg.RankZeroBuffersHook']


@pytest.mark.parametrize('launcher', ['slurm', 'mpi'])
def test_other_launchers_are_refused(groups, launcher):
    with pytest.raises(
            ValueError, match=f'--launcher pytorch.*{launcher}.*dist_train'):
        run_on_cpu_if_needed(config(launcher))
    assert not groups


@pytest.mark.parametrize('device', ['cuda', 'npu', 'mps'])
@pytest.mark.parametrize('launcher', ['none', 'pytorch', 'slurm'])
def test_nothing_changes_with_an_accelerator(groups, monkeypatch, device,
                                             launcher):
    monkeypatch.setattr(cpu_processes, 'get_device', lambda: device)
    cfg = config(launcher)
    before = copy.deepcopy(cfg._cfg_dict)
    run_on_cpu_if_needed(cfg)
    assert cfg._cfg_dict == before
    assert not groups


@pytest.mark.parametrize('settings',
                         [dict(loss_scale='dynamic', dtype='float16'), {}])
def test_mixed_precision_becomes_bfloat16(groups, settings):
    optimizer = dict(type='SGD', lr=0.1)
    cfg = config(
        optim_wrapper=dict(
            type='AmpOptimWrapper', optimizer=optimizer,
            accumulative_counts=2, **settings))
    run_on_cpu_if_needed(cfg)
    assert cfg.optim_wrapper == dict(
        type='mmseg.CpuAmpOptimWrapper',
        optimizer=optimizer,
        accumulative_counts=2)
