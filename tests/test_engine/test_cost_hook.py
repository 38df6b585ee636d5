"""Tests of CostHook and ``mmseg_dcc/engine/backbone_passes.py``."""
import json

import pytest
import torch
from torch import nn

from mmseg_dcc.engine.backbone_passes import watch_backbones
from mmseg_dcc.engine.hooks import CostHook
from tests import tiny_training


class Network(nn.Module):

    def __init__(self):
        super().__init__()
        self.backbone = nn.Linear(2, 2)


def test_weights_of_passes():
    network, other, counted = Network(), Network(), []
    handles = watch_backbones([network, other, network], counted.append)
    images = torch.zeros(5, 2)
    network.backbone(images)
    with torch.no_grad():
        other.backbone(images)
    other.requires_grad_(False)
    other.backbone(images.requires_grad_())
    other.backbone(torch.zeros(5, 2))
    assert counted == [15, 5, 10, 5]
    for handle in handles:
        handle.remove()
    network.backbone(images)
    assert len(counted) == 4


CHECKPOINT = dict(
    type='CheckpointHook', by_epoch=False, interval=2, save_last=False)


def test_resumed_training_costs_as_much(in_data_dir, tmp_path):
    """One warm-up step of 3 x 2 images, 9 x 2 in each of the others."""
    options = {
        'train_cfg.max_iters': 3,
        'custom_hooks.0.warmup_iters': 1,
        'default_hooks.checkpoint': CHECKPOINT
    }
    tiny_training.train(tmp_path, options, [CostHook()])
    whole = json.loads((tmp_path / 'cost.json').read_text())
    assert (whole['iterations'], whole['image_passes']) == (3, 6 + 18 + 18)
    kept = torch.load(
        tmp_path / 'iter_2.pth', weights_only=False)['cost']
    assert kept['image_passes'] == 6 + 18
    (tmp_path / 'cost.json').unlink()
    options.update(resume=True, load_from=str(tmp_path / 'iter_2.pth'))
    tiny_training.train(tmp_path, options, [CostHook()])
    again = json.loads((tmp_path / 'cost.json').read_text())
    assert again['image_passes'] == whole['image_passes']
    assert again['seconds'] > kept['seconds']


@pytest.mark.parametrize('method, warmup, passes', [
    ('fixmatch', 3, 7), ('cps', 6, 12)])
def test_passes_of_other_methods(method, warmup, passes, in_data_dir,
                                 tmp_path):
    """With a teacher and a second network, as in docs/speed.md."""
    config = tiny_training.CONFIG.with_name(
        f'deeplabv3plus_small_demo_{method}.py')
    tiny_training.train(tmp_path, {'train_cfg.max_iters': 2}, [CostHook()],
                        config)
    cost = json.loads((tmp_path / 'cost.json').read_text())
    assert cost['image_passes'] == 2 * (warmup + passes)
