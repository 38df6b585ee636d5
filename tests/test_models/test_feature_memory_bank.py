"""Tests of ``mmseg_dcc/models/feature_memory_bank.py``."""
import copy

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict
from mmseg.registry import MODELS
from torch import nn

from mmseg_dcc.models import FeatureMemoryBank
from tests.processes import run_processes

CHANNELS, SLOT, STEPS = 2, 3, 3


def make_bank(**kwargs):
    return FeatureMemoryBank(
        **{
            **dict(channels=CHANNELS, slot_size=SLOT, steps=STEPS),
            **kwargs
        })


def push_step(bank, step, rows=SLOT):
    """Pushes rows whose values are the step, with their indices as labels."""
    bank.push(torch.full((rows, CHANNELS), float(step)), torch.arange(rows))


def steps_held(bank):
    """Number of rows of each step in the bank."""
    values, counts = bank.negatives()[0][:, 0].unique(return_counts=True)
    return dict(zip(values.int().tolist(), counts.tolist()))


def test_built_from_the_registry():
    bank = MODELS.build(
        dict(type='FeatureMemoryBank', channels=4, slot_size=5))
    assert bank.features.shape == (3, 5, 4)


def test_new_bank_is_empty():
    features, labels = make_bank().negatives()
    assert features.shape == (0, CHANNELS) and labels.shape == (0, )
    assert make_bank().fill == 0


@pytest.mark.parametrize('steps', [1, 2, 3, 4])
def test_oldest_step_leaves_first(steps):
    bank = make_bank(steps=steps)
    expected = {}
    for step in range(1, 11):
        push_step(bank, step)
        expected[step] = SLOT
        expected.pop(step - steps, None)
        assert steps_held(bank) == expected
        assert bank.position == step % steps


def test_features_stay_with_their_labels():
    bank = make_bank()
    features = torch.randn(2, CHANNELS)
    bank.push(features, torch.tensor([7, 0]))
    got, labels = bank.negatives()
    assert torch.equal(got, features)
    assert labels.tolist() == [7, 0] and labels.dtype == torch.long


def test_unused_rows_of_a_slot_are_left_out():
    bank = make_bank()
    for step, rows in enumerate([3, 1, 2]):
        push_step(bank, step, rows)
    assert steps_held(bank) == {0: 3, 1: 1, 2: 2}
    assert bank.fill == pytest.approx(6 / 9)
    push_step(bank, 3, 0)
    assert steps_held(bank) == {1: 1, 2: 2}
    assert bank.fill == pytest.approx(3 / 9)


def test_full_bank_is_not_copied():
    bank = make_bank()
    for step in range(STEPS):
        push_step(bank, step)
    features, labels = bank.negatives()
    assert bank.fill == 1
    assert features.data_ptr() == bank.features.data_ptr()
    assert labels.data_ptr() == bank.labels.data_ptr()


def test_too_many_rows_are_refused():
    with pytest.raises(ValueError, match='slots of 3 rows, got 4 rows'):
        push_step(make_bank(), 0, SLOT + 1)


@pytest.mark.parametrize('name', ['channels', 'slot_size', 'steps'])
def test_sizes_must_be_positive(name):
    with pytest.raises(ValueError, match=f'memory bank: {name} must be at '):
        make_bank(**{name: 0})


def test_pushed_features_are_detached_copies():
    bank = make_bank()
    features = torch.ones(SLOT, CHANNELS, requires_grad=True)
    bank.push(features, torch.zeros(SLOT).long())
    with torch.no_grad():
        features.zero_()
    got, _ = bank.negatives()
    assert not got.requires_grad and not bank.features.requires_grad
    assert (got == 1).all()


def test_half_precision_features_are_stored_as_float32():
    bank = make_bank()
    bank.push(torch.ones(SLOT, CHANNELS).bfloat16(), torch.zeros(SLOT).long())
    assert bank.negatives()[0].dtype == torch.float32


def test_reset_empties_the_bank():
    bank = make_bank()
    push_step(bank, 1)
    bank.reset()
    assert bank.fill == 0 and bank.position == 0
    push_step(bank, 2)
    assert steps_held(bank) == {2: SLOT}


def test_all_state_is_in_the_checkpoint():
    bank = make_bank()
    assert list(bank.parameters()) == []
    assert set(bank.state_dict()) == {'features', 'labels', 'position'}
    assert set(bank.state_dict()) == dict(bank.named_buffers()).keys()


@pytest.mark.parametrize('steps_before', range(STEPS + 2))
def test_resumed_bank_continues_identically(steps_before):
    bank, resumed = make_bank(), make_bank()
    for step in range(steps_before):
        push_step(bank, step, 1 + step % SLOT)
    resumed.load_state_dict(copy.deepcopy(bank.state_dict()))
    for step in range(10, 14):
        for one in (bank, resumed):
            push_step(one, step, 1 + step % SLOT)
        for got, expected in zip(resumed.negatives(), bank.negatives()):
            assert torch.equal(got, expected)
        assert torch.equal(resumed.position, bank.position)


def make_parent(**kwargs):
    return nn.ModuleDict(
        dict(weights=nn.Linear(2, 2), memory_bank=make_bank(**kwargs)))


@pytest.mark.parametrize(
    'other', [dict(steps=2), dict(slot_size=5),
              dict(channels=4)])
@pytest.mark.parametrize('load', [
    lambda model, state: model.load_state_dict(state, strict=True),
    lambda model, state: load_state_dict(model, state, strict=True),
],
                         ids=['torch', 'mmengine'])
def test_bank_of_other_shape_starts_empty(load, other, warnings_logged):
    saved, model = make_parent(), make_parent(**other)
    push_step(saved['memory_bank'], 5)
    state = saved.state_dict()
    load(model, state)
    # no warning in tests and deployment, which do not use the bank
    assert not warnings_logged()
    assert torch.equal(model['weights'].weight, saved['weights'].weight)
    assert model['memory_bank'].fill == 0
    assert model['memory_bank'].position == 0
    assert state['memory_bank.features'].shape == (3, 3, 2)
    bank = model['memory_bank']
    for _ in range(2):
        bank.push(torch.ones(1, bank.features.size(-1)), torch.zeros(1).long())
    # one warning when the training goes on
    warning, = warnings_logged()
    assert 'had shape (3, 3, 2)' in warning and 'started empty' in warning


def test_bank_of_same_shape_loads_without_a_warning(warnings_logged):
    saved, model = make_parent(), make_parent()
    push_step(saved['memory_bank'], 5)
    model.load_state_dict(saved.state_dict(), strict=True)
    assert steps_held(model['memory_bank']) == {5: SLOT}
    push_step(model['memory_bank'], 6)
    assert not warnings_logged()


@pytest.mark.parametrize('value', [float('inf'), float('nan')])
def test_rows_of_an_overflow_stay_out(value):
    bank = make_bank()
    features = torch.ones(3, CHANNELS)
    features[1, 0] = value
    bank.push(features, torch.arange(3))
    rows, labels = bank.negatives()
    assert labels.tolist() == [0, 2] and rows.isfinite().all()
    assert all(buffer.isfinite().all() for buffer in bank.buffers())


def test_missing_bank_is_reported_by_a_strict_load():
    with pytest.raises(RuntimeError, match='memory_bank.features'):
        make_parent().load_state_dict(
            {
                f'weights.{name}': value
                for name, value in nn.Linear(2, 2).state_dict().items()
            },
            strict=True)


# Rows of each process in each step.
ROW_COUNTS = [(3, 1), (0, 2), (2, 3), (3, 3)]


def bank_of_process(rank):
    bank = make_bank()
    for step, counts in enumerate(ROW_COUNTS):
        push_step(bank, 10 * step + rank, counts[rank])
    return (*bank.negatives(), bank.state_dict())


@pytest.mark.slow
def test_processes_hold_one_bank_in_rank_order(tmp_path):
    (features, labels, state), other = run_processes(bank_of_process,
                                                     tmp_path)
    assert torch.equal(features, other[0])
    assert torch.equal(labels, other[1])
    for name, value in state.items():
        assert torch.equal(value, other[2][name])
    assert state['features'].shape == (STEPS, 2 * SLOT, CHANNELS)
    assert state['position'] == 1
    # The fourth step replaced the first.
    expected = [(10 * step + rank, row) for step in (3, 1, 2)
                for rank in range(2) for row in range(ROW_COUNTS[step][rank])]
    got = zip(features[:, 0].int().tolist(), labels.tolist())
    assert list(got) == expected
