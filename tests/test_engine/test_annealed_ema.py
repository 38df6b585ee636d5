"""Tests that mmengine's EMA as configured is that of UniMatch V2."""
import pytest
import torch
from mmengine.model import MomentumAnnealingEMA
from torch import nn

from tests.golden import assert_values, golden_files, load


def build_network(recorded):
    """Network of linear, batch norm and linear layer, as wide as recorded."""
    names = recorded['ema_entry_name'].tolist()
    hidden, outputs = names.count('0.bias'), names.count('2.bias')
    inputs = names.count('0.weight') // hidden
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.BatchNorm1d(hidden),
        nn.Linear(hidden, outputs))


def state_dict(network, names, row):
    """Entries of a recorded row in the shapes of the network."""

    def entries(name):
        return row[torch.tensor([other == name for other in names])]

    return {
        name: entries(name).reshape(own.shape).to(own.dtype)
        for name, own in network.state_dict().items()
    }


@pytest.mark.parametrize('case', ['ema0', 'ema1'])
@pytest.mark.parametrize('path', golden_files('unimatch_v2'))
def test_recorded(path, case):
    recorded = load(path)
    names = recorded['ema_entry_name'].tolist()
    network = build_network(recorded)
    start, *teachers = recorded[f'{case}_teacher']
    network.load_state_dict(state_dict(network, names, start))
    average = MomentumAnnealingEMA(
        network, momentum=0.004, gamma=1, update_buffers=True)
    students = recorded[f'{case}_student']
    iterations = recorded[f'{case}_iters']
    assert len(students) == len(teachers) == len(iterations) > 1
    for iteration, student, teacher in zip(iterations, students, teachers):
        network.load_state_dict(state_dict(network, names, student))
        average.steps.fill_(iteration)
        average.update_parameters(network)
        expected = state_dict(network, names, teacher)
        for name, own in average.module.state_dict().items():
            # of no use: the batch norm has a momentum
            if name != '1.num_batches_tracked':
                assert_values(own, expected[name])
