"""Tests of ``mmseg_dcc/models/cutmix.py``."""
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmseg_dcc.models.cutmix import cutmix, random_boxes

SIDES = st.integers(1, 40)
SHARES = st.floats(0.01, 1)


@given(SIDES, SIDES, SHARES, SHARES, st.integers(0, 10**6))
def test_boxes(height, width, least, most, seed):
    torch.manual_seed(seed)
    least, most = sorted((least, most))
    boxes = random_boxes(3, (height, width), (least, most))
    assert boxes.shape == (3, 1, height, width) and boxes.dtype == torch.bool
    for box in boxes[:, 0]:
        rows, columns = box.any(1).sum(), box.any(0).sum()
        # one rectangle, filled
        assert box.sum() == rows * columns > 0
        for along in (box.any(1), box.any(0)):
            inside = along.nonzero()
            assert inside[-1] - inside[0] + 1 == len(inside)
        # half a pixel of rounding on each side, but never over the border
        assert rows * columns <= most * height * width + (
            height + width) / 2 + 1
        assert (rows + 0.5) * (columns + 0.5) >= min(
            least, 0.5) * height * width or height in (
                rows, ) or width in (columns, )


def test_every_place_is_as_likely_along_a_side():
    torch.manual_seed(0)
    boxes = random_boxes(20000, (6, 1), (0.5, 0.5))
    starts = boxes[:, 0, :, 0].float().argmax(1)
    lengths = boxes[:, 0, :, 0].sum(1)
    for length in lengths.unique():
        counts = starts[lengths == length].bincount()
        assert len(counts) == 7 - length
        assert counts.max() < 1.2 * counts.min()


def test_mix_pixel_by_pixel():
    images = torch.randn(3, 2, 4, 5)
    masks = torch.randint(9, (3, 4, 5))
    boxes = torch.rand(3, 1, 4, 5) < 0.5
    mixed_images, mixed_masks = cutmix(images, masks, boxes)
    for i in range(3):
        for row in range(4):
            for column in range(5):
                # of three images, the one before is two after
                source = (i + 2) % 3 if boxes[i, 0, row, column] else i
                assert mixed_masks[i, row, column] == masks[source, row,
                                                            column]
                assert torch.equal(mixed_images[i, :, row, column],
                                   images[source, :, row, column])
