"""Tests of ``mmseg_dcc/evaluation/confusion_matrix.py``."""
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmseg_dcc.evaluation.confusion_matrix import ConfusionMatrix, count_pairs
from tests.processes import run_processes

IDS = st.lists(
    st.tuples(st.sampled_from([0, 1, 2, 3, 7, 255, -1]),
              st.sampled_from([0, 1, 2, 3, 9])), max_size=30)


@given(IDS, st.sampled_from([0, 255, -1]))
def test_counts_pixel_by_pixel(pixels, ignore_index):
    expected = np.zeros((4, 4), np.int64)
    for truth, prediction in pixels:
        if truth != ignore_index and 0 <= truth < 4 and prediction < 4:
            expected[truth, prediction] += 1
    truth, prediction = np.array(pixels, int).reshape(-1, 2).T
    counts = count_pairs(truth, prediction, 4, ignore_index)
    assert counts.dtype == np.int64 and (counts == expected).all()


def test_ids_of_bytes_do_not_wrap_round():
    ids = np.full((2, 3), 200, np.uint8)
    assert count_pairs(ids, ids, 201, 255)[200, 200] == 6


def sample(number, with_truth=True):
    def mask(value):
        return PixelData(data=torch.full((1, 2, 3), value))
    found = SegDataSample(pred_sem_seg=mask(number % 2))
    if with_truth:
        found.gt_sem_seg = mask(number)
    return found


def test_images_without_truth_do_not_count():
    matrix = ConfusionMatrix(3, 255, 3)
    matrix.add([sample(2), sample(1, with_truth=False)])
    assert matrix.total()[2, 0] == matrix.total().sum() == 6


def of_process(rank):
    # five images on two processes: the sampler repeats the first
    matrix = ConfusionMatrix(5, 255, 5)
    for number in ([0, 2, 4], [1, 3, 0])[rank]:
        matrix.add([sample(number)])
    return torch.from_numpy(matrix.total())



@pytest.mark.slow
def test_processes_count_each_image_once(tmp_path):
    expected = np.zeros((5, 5), np.int64)
    for number in range(5):
        expected[number, number % 2] = 6
    for counts in run_processes(of_process, tmp_path):
        assert (counts.numpy() == expected).all()
