"""Tests of ``mmseg_dcc/models/gaussian_blur.py``."""
import re

import pytest
import torch

from mmseg_dcc.models.gaussian_blur import (
    gaussian_blur,
    gaussian_kernel,
    odd_size,
)
from tests.golden import assert_values, golden_files, load


def test_odd_size():
    assert [odd_size(size) for size in (0, 1, 2, 9, 16)] == [1, 1, 3, 9, 17]


@pytest.mark.parametrize('path', golden_files('gct'),
                         ids=lambda path: path.stem)
def test_recorded_kernels(path):
    record = load(path)
    sizes = [
        int(name.split('_')[1]) for name in record
        if re.fullmatch(r'kernel_\d+', name)
    ]
    assert len(sizes) > 4
    for size in sizes:
        kernel = gaussian_kernel(size)
        assert_values(kernel[:, None] * kernel, record[f'kernel_{size}'])
    kernel = gaussian_kernel(33)
    assert_values(kernel[16] * kernel, record['kernel_33_row'])
    assert_values(kernel[:9, None] * kernel[:9], record['kernel_33_corner'])


@pytest.mark.parametrize('size', [1, 3, 5, 9])
def test_blur_pixel_by_pixel(size):
    maps = torch.randn(2, 1, 7, 6)
    kernel = gaussian_kernel(size)
    found = gaussian_blur(maps, size)

    def mirrored(position, length):
        return length - 1 - abs(length - 1 - abs(position))

    for image in range(2):
        for row in range(7):
            for column in range(6):
                expected = sum(
                    kernel[i] * kernel[j] *
                    maps[image, 0, mirrored(row + i - size // 2, 7),
                         mirrored(column + j - size // 2, 6)]
                    for i in range(size) for j in range(size))
                torch.testing.assert_close(found[image, 0, row, column],
                                           expected)


def test_blur_is_not_in_half_precision():
    maps = torch.rand(1, 1, 9, 9)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = gaussian_blur(maps.bfloat16().float(), 5)
    assert found.dtype == torch.float32
    assert torch.equal(found, gaussian_blur(maps.bfloat16().float(), 5))
