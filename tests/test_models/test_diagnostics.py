"""Tests of ``mmseg_dcc/models/diagnostics.py``."""
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmseg_dcc.models.diagnostics import (
    UNKNOWN,
    pseudo_label_precision,
    true_labels,
)


def naive_precision(labels, truth, negative_labels, negative_truth):
    """Precision computed by loops over anchors and negatives."""
    outcomes = dict(
        positive_precision=[], negative_precision=[],
        random_negative_precision=[])
    for label, true in zip(labels, truth):
        if true == UNKNOWN:
            continue
        outcomes['positive_precision'].append(label == true)
        for other_label, other_true in zip(negative_labels, negative_truth):
            if other_true == UNKNOWN:
                continue
            right = true != other_true
            outcomes['random_negative_precision'].append(right)
            if label != other_label:
                outcomes['negative_precision'].append(right)
    return {
        name: sum(found) / len(found)
        for name, found in outcomes.items() if found
    }


rows = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([0, 1, 2, 3, UNKNOWN])),
    max_size=8)


@given(rows, rows)
def test_precision_as_in_naive_loops(anchors, negatives):
    columns = [
        [row[column] for row in part] for part in (anchors, negatives)
        for column in range(2)
    ]
    found = pseudo_label_precision(
        *(torch.tensor(column, dtype=torch.long) for column in columns))
    assert {name: float(value) for name, value in found.items()
            } == pytest.approx(naive_precision(*columns))


def test_published_numbers_of_rows():
    """Counts that float32 cannot represent."""
    labels, negatives = (torch.arange(count) % 3 for count in (20001, 76800))
    found = pseudo_label_precision(labels, labels, negatives,
                                   (negatives + (negatives == 2)) % 3)
    # a third of the negatives each: labels 0, 1 and true labels 0, 1, 0
    assert found['positive_precision'] == 1
    assert found['negative_precision'] == pytest.approx(5 / 6, abs=1e-12)
    assert found['random_negative_precision'] == pytest.approx(
        2 / 3, abs=1e-12)


@pytest.mark.parametrize('ignore_index', [255, 7])
def test_true_label_is_that_of_the_middle(ignore_index):
    mask = torch.randint(0, 10, (32, 48))
    mask[torch.rand(mask.shape) < 0.2] = 255
    labels = true_labels([None, mask], torch.zeros(2, 5, 4, 6), ignore_index)
    assert labels.dtype == torch.long
    assert (labels[0] == UNKNOWN).all()
    for row in range(4):
        for column in range(6):
            true = mask[8 * row + 4, 8 * column + 4]
            expected = UNKNOWN if true in (255, ignore_index) else true
            assert labels[1, row, column] == expected
