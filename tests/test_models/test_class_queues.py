"""Tests of ``mmseg_dcc/models/class_queues.py``."""
import copy

import pytest
import torch

from mmseg_dcc.models.class_queues import (
    ClassQueues,
    draw_by_class,
    places_in_class,
)
from tests.golden import golden_files, load
from tests.processes import run_processes

CHANNELS = 3


def numbered(*values):
    """Rows whose values are their number."""
    return torch.tensor(values).float()[:, None].expand(-1, CHANNELS)


def held(queues):
    """Numbers of the rows of each class, the oldest first."""
    return [
        queues.rows(c)[:, 0].int().tolist() for c in range(len(queues.sizes))
    ]


def test_places():
    classes = torch.tensor([0, 0, 2, 2, 2, 5])
    assert places_in_class(classes).tolist() == [0, 1, 0, 1, 2, 0]


def test_draws_are_few_of_each_class_and_all_alike():
    torch.manual_seed(0)
    classes = torch.tensor([1, 0, 1, 1, 2, 1, 1])
    seen = torch.zeros(7)
    for _ in range(1000):
        drawn = draw_by_class(classes, 2)
        assert drawn.tolist() == sorted(set(drawn.tolist()))
        assert classes[drawn].bincount().tolist() == [1, 2, 1]
        seen[drawn] += 1
    assert (seen[classes != 1] == 1000).all()
    # 2 of 5: within five standard deviations
    assert ((seen[classes == 1] - 400).abs() < 80).all()
    assert not len(draw_by_class(classes[:0], 2))


def test_first_in_first_out():
    queues = ClassQueues(3, CHANNELS, [2, 3, 1])
    assert held(queues) == [[], [], []]
    queues.push(numbered(1, 2, 3, 4), torch.tensor([1, 0, 1, 0]))
    assert held(queues) == [[2, 4], [1, 3], []]
    queues.push(numbered(5, 6, 7), torch.tensor([1, 0, 1]))
    assert held(queues) == [[4, 6], [3, 5, 7], []]
    # more at once than the queue holds
    queues.push(numbered(*range(10, 17)), torch.tensor([1, 1, 0, 1, 1, 1, 1]))
    assert held(queues) == [[6, 12], [14, 15, 16], []]
    assert queues.fill.tolist() == [2, 3, 0]


@pytest.mark.parametrize('case', ['full_', 'miss_', 'misslast_', 'fixed_'])
@pytest.mark.parametrize('path', golden_files('u2pl'),
                         ids=lambda path: path.stem)
def test_recorded_queues(path, case):
    """Rows that the published rule appends (c is the label), by loops."""
    record = load(path)
    labels = 'full_' if case == 'fixed_' else case
    hot = record[f'{labels}label_u']
    probabilities = record['fixed_prob_u' if case == 'fixed_' else 'prob_u']
    if case == 'misslast_':
        probabilities = probabilities[:, record['misslast_perm']]
    high = record['fixed_high_mask' if case ==
                  'fixed_' else 'full_high_mask'][2:]
    rank = probabilities.argsort(1, descending=True).argsort(1)
    member = (hot * high).bool() & (rank >= 3) & (rank < 20)
    queues = ClassQueues(hot.shape[1], record['pipe_rep'].shape[1],
                         record[f'{case}queue_size'].tolist())
    for c in range(hot.shape[1]):
        before = record[f'{case}queue{c}_before']
        queues.push(before, torch.full((len(before), ), c))
    image, classes, y, x = member.nonzero().T
    assert classes.bincount(
        minlength=hot.shape[1]).tolist() == record[
            f'{case}num_new_keys'].tolist()
    queues.push(record['pipe_rep_teacher'][2:][image, :, y, x], classes)
    for c in range(hot.shape[1]):
        assert torch.equal(queues.rows(c), record[f'{case}queue{c}_after'])


def test_draws_are_of_the_class_and_of_all_its_rows():
    queues = ClassQueues(2, CHANNELS, [5, 4])
    queues.push(numbered(*range(9)), torch.tensor([0] * 7 + [1] * 2))
    drawn = queues.draw(torch.tensor([1, 0, 1]), 300)
    assert drawn.shape == (3, 300, CHANNELS)
    found = [set(numbers.tolist()) for numbers in drawn[:, :, 0]]
    assert found == [{7, 8}, {2, 3, 4, 5, 6}, {7, 8}]


def test_resumed_queues_continue_identically():
    queues, resumed = (ClassQueues(2, CHANNELS, 4) for _ in range(2))
    queues.push(numbered(1, 2, 3, 4, 5), torch.tensor([0, 0, 1, 0, 0]))
    resumed.load_state_dict(copy.deepcopy(queues.state_dict()))
    for one in (queues, resumed):
        one.push(numbered(7, 8, 9), torch.tensor([0, 1, 0]))
    for name, buffer in queues.named_buffers():
        assert torch.equal(buffer, dict(resumed.named_buffers())[name])
    assert not list(queues.parameters())
    assert {*queues.state_dict()} == {*dict(queues.named_buffers())}


@pytest.mark.parametrize('other', [
    dict(sizes=[4, 3, 3]),
    dict(sizes=[2, 2, 6]),
    dict(num_classes=2, sizes=[5, 5]),
    dict(channels=2)
])
def test_queues_of_other_shape_start_empty(other, warnings_logged):
    settings = dict(num_classes=3, channels=CHANNELS, sizes=[2, 4, 4])
    saved = ClassQueues(**settings)
    saved.push(numbered(1, 2), torch.tensor([0, 1]))
    queues = ClassQueues(**{**settings, **other})
    queues.load_state_dict(saved.state_dict())
    assert not queues.fill.any()
    assert queues.sizes.tolist() == {**settings, **other}['sizes']
    assert not warnings_logged()
    queues.push(queues.features[:1], torch.tensor([0]))
    warning, = warnings_logged()
    assert 'had shape (10, 3)' in warning and 'started empty' in warning


def test_rows_of_an_overflow_stay_out():
    queues = ClassQueues(2, CHANNELS, 4)
    rows = numbered(1, 2, 3).clone()
    rows[1, 0] = float('nan')
    queues.push(rows, torch.tensor([0, 0, 1]))
    assert held(queues) == [[1], [3]]


def of_process(rank):
    queues = ClassQueues(2, CHANNELS, [3, 4])
    for step, counts in enumerate([(2, 1), (0, 2), (0, 0), (3, 3)]):
        numbers = [10 * step + 5 * rank + i for i in range(counts[rank])]
        queues.push(numbered(*numbers).reshape(-1, CHANNELS),
                    torch.arange(counts[rank]) % 2)
    return held(queues), queues.state_dict()


@pytest.mark.slow
def test_processes_hold_one_content_in_rank_order(tmp_path):
    (first, state), (second, other) = run_processes(of_process, tmp_path)
    assert first == second == [[32, 35, 37], [1, 16, 31, 36]]
    for name, value in state.items():
        assert torch.equal(value, other[name])
