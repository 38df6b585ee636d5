"""Tests that proposals fit the network, the images and the machine."""
import pytest

from mmseg_dcc.apis.propose_sizes import Machine, propose_sizes, this_machine

CPU, SMALL, LARGE = Machine(2), Machine(8, 6.), Machine(16, 80.)
DATA = dict(
    tiny=[(5, 7)],
    icons=[(32, 32)] * 9,
    small=[(96, 128)] * 9,
    photos=[(3000, 4000)] * 40,
    huge=[(30000, 40000)],
    upright=[(800, 600)] * 3,
    mixed=[(300, 500)] * 5 + [(500, 300)] * 5,
    long=[(20, 20000)] * 3,
    high=[(20000, 200)] * 3,
    thread=[(1, 100000)])


@pytest.mark.parametrize('stride', [8, 14, 16, 64])
@pytest.mark.parametrize('machine', [CPU, SMALL, LARGE], ids=str)
@pytest.mark.parametrize('sizes', DATA.values(), ids=DATA)
def test_valid_for_any_images(sizes, machine, stride):
    for multiple, unlabeled in ((2, 1), (2, 10**6), (3, 500), (1, 0)):
        found = propose_sizes(sizes, 1, unlabeled, machine, stride, multiple)
        for side, crop in zip(found.image_size, found.crop_size):
            assert stride <= crop <= side and crop % stride == 0
        assert found.batch_size % multiple == 0
        assert 4 <= found.batch_size <= 32
        assert found.batch_size // multiple > 1  # BN of one image
        assert 1000 <= found.max_iters <= 40000
        for name, reason in found.reasons.items():
            assert reason[0].isupper() and reason.endswith('.'), name
            assert '  ' not in reason and '. ' not in reason


@pytest.mark.parametrize('name, machine, image, crop', [
    ('small', CPU, (128, 96), (64, 64)),
    # 512 x 512 pixels in another shape
    ('photos', CPU, (584, 440), (192, 192)),
    ('photos', LARGE, (1672, 1248), (608, 608)),
    ('upright', LARGE, (600, 800), (288, 288)),
    ('mixed', CPU, (496, 296), (128, 128)),
    ('icons', CPU, (64, 64), (40, 40)),
    ('high', LARGE, (144, 14480), (144, 2880)),
])
def test_sizes(name, machine, image, crop):
    found = propose_sizes(DATA[name], 10, 100, machine)
    assert (found.image_size, found.crop_size) == (image, crop)


def test_a_few_odd_images_do_not_count():
    many = [(480, 640)] * 9
    assert propose_sizes([*many, (9, 9), (9000, 9000)], 5, 5, CPU)[:2] == (
        propose_sizes(many, 5, 5, CPU)[:2])


def test_more_memory_more_images():
    sizes = [(480, 640)]
    batches = [
        propose_sizes(sizes, 99, 99, Machine(8, gib)).batch_size
        for gib in (4., 11., 24., 80.)
    ]
    assert batches == sorted(batches) and batches[0] < batches[-1]


@pytest.mark.parametrize('labeled, unlabeled, iters', [
    (10, 100, 1000),  # the least
    (100, 0, 1300),  # 100 times, 8 a batch
    (100, 5000, 10000),  # the most on a CPU
    (50, 800, 4000),  # 20 times, 4 a batch
])
def test_iterations(labeled, unlabeled, iters):
    found = propose_sizes(DATA['photos'], labeled, unlabeled, CPU,
                          multiple=2 if unlabeled else 1)
    assert found.batch_size == 8
    assert found.max_iters == iters
    assert ('unlabeled' in found.reasons['max_iters']) == bool(unlabeled)


def test_no_image():
    with pytest.raises(ValueError, match='No image could be read'):
        propose_sizes([], 0, 0, CPU)


def test_this_machine():
    found = this_machine()
    assert found.cores >= 1 and 'CPU core' in str(found)
