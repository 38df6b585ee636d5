import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmseg_dcc.models.mixing import (
    NO_CLASS,
    class_masks,
    class_masks_from,
    cutmix_boxes,
    draw_boxes,
    half_box_masks,
    half_box_masks_from,
    mix,
    partners,
    three_box_masks,
    three_box_masks_from,
)
from tests.golden import golden_files, load

SIDES = st.integers(1, 40)
SEEDS = st.integers(0, 10**6)


@given(SIDES, SIDES, st.floats(0.01, 1), st.floats(0.01, 1), SEEDS)
def test_a_box_is_one_rectangle(height, width, least, most, seed):
    torch.manual_seed(seed)
    least, most = sorted((least, most))
    boxes = cutmix_boxes(3, (height, width), (least, most), (0.5, 2.))
    assert boxes.shape == (3, 1, height, width) and boxes.dtype == torch.bool
    for box in boxes[:, 0]:
        rows, columns = box.any(1).sum(), box.any(0).sum()
        assert box.sum() == rows * columns > 0
        for along in (box.any(1), box.any(0)):
            inside = along.nonzero()
            assert inside[-1] - inside[0] + 1 == len(inside)
        # sides are rounded down, but are at least one pixel
        assert rows * columns <= most * height * width + height + width


@given(st.integers(20, 60), st.integers(20, 60), st.floats(0.05, 0.3),
       st.floats(0.5, 2), SEEDS)
def test_area_and_ratio_of_a_box(height, width, area, ratio, seed):
    torch.manual_seed(seed)
    top, left, bottom, right = draw_boxes(4, (height, width), (area, area),
                                          (ratio, ratio)).T
    rows, columns = bottom - top, right - left
    # ratio of the shares of the sides, for any shape of the image
    for got, exact in ((rows, (area * ratio)**0.5 * height),
                       (columns, (area / ratio)**0.5 * width)):
        assert ((got - exact).abs() <= 1.001).all()
    assert (top >= 0).all() and (bottom <= height).all()
    assert (left >= 0).all() and (right <= width).all()


def test_edges_are_those_of_the_mask():
    torch.manual_seed(7)
    boxes = draw_boxes(5, (9, 13), (0.1, 0.4), (0.3, 3.))
    torch.manual_seed(7)
    masks = cutmix_boxes(5, (9, 13), (0.1, 0.4), (0.3, 3.))
    for (top, left, bottom, right), mask in zip(boxes.tolist(), masks):
        expected = torch.zeros(1, 9, 13, dtype=torch.bool)
        expected[:, top:bottom, left:right] = True
        assert torch.equal(mask, expected)


def test_every_place_is_as_likely():
    boxes = draw_boxes(20000, (8, 6), (0.25, 0.25), (1., 1.))
    assert (boxes[:, 2:] - boxes[:, :2] == torch.tensor([4, 3])).all()
    counts = (boxes[:, 0] * 4 + boxes[:, 1]).bincount()
    assert len(counts) == 5 * 4
    assert (counts - 1000).abs().max() < 160  # five standard deviations


def test_a_box_that_never_fits_is_cut_to_the_image():
    # a box of this ratio is cut to a strip
    top, left, bottom, right = draw_boxes(3, (10, 10), (0.5, 0.5),
                                          (8., 8.)).T
    assert (top == 0).all() and (bottom == 10).all()
    assert (right - left == 2).all() and (right <= 10).all()


def test_probability_of_a_box():
    has_box = cutmix_boxes(4000, (4, 4), prob=0.3).flatten(1).any(1)
    assert has_box.float().mean().item() == pytest.approx(0.3, abs=0.04)
    assert not cutmix_boxes(50, (4, 4), prob=0.).any()


def box_statistics(boxes, side):
    """Area, ratio, its logarithm and centre of boxes, each (count,)."""
    top, left, bottom, right = boxes.double().T
    ratio = (bottom - top) / (right - left)
    return ((bottom - top) * (right - left) / side**2, ratio, ratio.log(),
            (top + bottom) / 2 / side, (left + right) / 2 / side)


@pytest.mark.parametrize('path', golden_files('unimatch_v1'))
def test_recorded_distribution_of_boxes(path):
    recorded = load(path)
    top, left, bottom, right = recorded['boxes_p1'].float().T
    # the file has areas in pixels and as shares, which gives the side
    side = round(((bottom - top) * (right - left)).mean().div(
        recorded['boxstat_p1'][1]).sqrt().item())
    count = int(recorded['boxstat_20k'][0])
    ours = box_statistics(
        torch.cat([
            draw_boxes(count // 10, (side, side), (0.02, 0.4),
                       (0.3, 1 / 0.3)) for _ in range(10)
        ]), side)
    moments = recorded['boxstat_20k'][1:].reshape(-1, 2).tolist()
    recorded_boxes = box_statistics(recorded['boxes_p1'], side)
    recorded_moments = recorded['boxstat_p1'][1:].reshape(-1, 2).tolist()
    for values, (mean, std), check, (check_mean, check_std) in zip(
            ours, moments, recorded_boxes, recorded_moments):
        # the statistics are those of the file
        assert check.mean().item() == pytest.approx(check_mean, abs=1e-5)
        assert check.std(correction=0).item() == pytest.approx(
            check_std, abs=1e-5)
        # five standard errors of a difference
        error = 5 * std * (2 / count)**0.5
        assert values.mean().item() == pytest.approx(mean, abs=error)
        assert values.std().item() == pytest.approx(std, abs=error)
    levels = torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9]).double()
    for values, key in ((ours[0], 'area'), (ours[1], 'aspect')):
        expected = recorded[f'boxstat_20k_{key}_q'].double()
        assert (values.quantile(levels) - expected).abs().max() < (
            0.06 * values.std())


@pytest.mark.parametrize('path', golden_files('unimatch_v1'))
def test_recorded_share_of_images_with_a_box(path):
    recorded = load(path)
    share = recorded['boxes_p05_share_nonempty'].item()
    count = len(recorded['boxes_p05'])
    ours = cutmix_boxes(4000, (8, 8), prob=0.5).flatten(1).any(1)
    assert ours.float().mean().item() == pytest.approx(
        share, abs=5 * (0.25 / count)**0.5)


def share_statistics(share):
    levels = torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9])
    return share.mean(), share.std(), share.quantile(levels)


@pytest.mark.parametrize('path', golden_files('cps'))
def test_recorded_distribution_of_three_boxes(path):
    recorded = load(path)
    name, = (name for name in recorded
             if name.startswith('gen_stats') and not name.endswith('_q'))
    side = int(name.rpartition('_')[2])
    _, mean, std, least, most = recorded[name].tolist()
    share = torch.cat([
        three_box_masks(500, (side, side)).flatten(1).float().mean(1)
        for _ in range(10)
    ])
    our_mean, our_std, our_quantiles = share_statistics(share)
    assert our_mean.item() == pytest.approx(mean, abs=0.006)
    assert our_std.item() == pytest.approx(std, abs=0.006)
    assert (our_quantiles - recorded[f'{name}_q']).abs().max() < 0.012
    assert share.min() > least - 0.02 and share.max() < most + 0.02


@pytest.mark.parametrize('path', golden_files('cps'))
def test_recorded_three_boxes(path):
    recorded = load(path)
    size = recorded['gen_shape'].tolist()
    expected = torch.from_numpy(
        np.unpackbits(
            recorded['gen_masks_packed'].byte().numpy(), axis=1)).bool()
    count = len(expected)
    # the draws of the published generator, in its order
    generator = np.random.RandomState(recorded['gen_seed'].item())
    area = generator.uniform(0.25, 0.5, (count, 3))
    exponent = generator.uniform(0, 1, (count, 3))
    place = generator.uniform(0, 1, (count, 3, 2))
    masks = three_box_masks_from(*map(torch.from_numpy,
                                      (area, exponent, place)), size)
    assert torch.equal(masks, expected[:, :size[0] * size[1]].reshape(
        count, 1, *size))


def edges(mask):
    """Top, left, bottom and right of the one box of a mask (H, W)."""
    rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
    box = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
    top, left, bottom, right = (int(edge) for edge in box)
    assert mask.sum() == mask[top:bottom, left:right].numel()
    return top, left, bottom, right


@given(st.integers(8, 60), st.integers(8, 60), SEEDS)
def test_half_of_the_image_is_in_the_box(height, width, seed):
    torch.manual_seed(seed)
    for mask in half_box_masks(4, (height, width))[:, 0]:
        top, left, bottom, right = edges(mask)
        # each side is rounded
        assert abs((bottom - top) * (right - left) -
                   height * width / 2) <= (height + width) / 2 + 0.25
        assert 2 * (bottom - top) >= height - 1


@pytest.mark.parametrize('exponent, place, box', [
    (0., (0., 0.), (0, 0, 40, 10)),  # as high as the image
    (1., (1., 0.), (20, 0, 40, 20)),
    (0.5, (0.5, 1.), (6, 6, 34, 20)),  # 0.71 of both sides
])
def test_half_boxes_of_given_draws(exponent, place, box):
    mask, = half_box_masks_from(
        torch.tensor([exponent]), torch.tensor([place]), (40, 20))[0]
    assert edges(mask) == box


def test_distribution_of_half_boxes():
    """Height is 0.5^u, and the position of the box is uniform."""
    side = 64
    boxes = torch.tensor([edges(mask[0])
                          for mask in half_box_masks(3000, (side, side))])
    top, left, bottom, right = boxes.double().T
    exponents = ((bottom - top) / side).log() / np.log(0.5)
    room = side - (bottom - top)
    places = (top / room)[room > 8]
    for uniform in (exponents, places):
        levels = torch.tensor([0.25, 0.5, 0.75]).double()
        # six standard deviations plus rounding to a pixel
        assert (uniform.quantile(levels) - levels).abs().max() < 0.06
    assert abs((top + bottom - left - right).mean()) < 3


def naive_class_masks(labels, keys):
    masks = torch.zeros(labels.shape, dtype=torch.bool)
    for mask, image, key in zip(masks, labels, keys.tolist()):
        classes = set(image.flatten().tolist()) - {NO_CLASS}
        drawn = sorted(classes, key=lambda label: key[label])
        for label in drawn[:len(classes) // 2]:
            mask |= image == label
    return masks[:, None]


@given(st.integers(1, 12), st.floats(0, 1), SEEDS)
def test_half_of_the_classes_by_a_loop(classes, unknown, seed):
    torch.manual_seed(seed)
    # some classes are in no image
    labels = torch.randint(classes, (4, 3, 5)) * 2
    labels[0] = 0
    labels[torch.rand(4, 3, 5) < unknown] = NO_CLASS
    keys = torch.rand(4, 2 * classes)
    masks = class_masks_from(labels, keys)
    assert torch.equal(masks, naive_class_masks(labels, keys))
    assert not masks[0].any()  # one class


def test_each_class_is_as_likely():
    labels = torch.tensor([[[0, 2, 4], [5, NO_CLASS, 2]]]).expand(4000, 2, 3)
    masks = class_masks(labels)[:, 0]
    share = masks.float().mean(0)
    assert (masks[:, 0, 1] == masks[:, 1, 2]).all()
    # two classes, of which one has two pixels
    assert (masks.sum((1, 2)) - masks[:, 1, 2].long() == 2).all()
    assert share[1, 1] == 0
    share[1, 1] = 0.5
    assert (share - 0.5).abs().max() < 0.04  # five standard deviations


@pytest.mark.parametrize('labels', [
    torch.full((2, 3, 3), NO_CLASS),
    torch.zeros(2, 3, 3, dtype=torch.long),
])
def test_nothing_is_drawn_of_one_class_or_none(labels):
    masks = class_masks(labels)
    assert masks.shape == (2, 1, 3, 3) and not masks.any()


def test_labels_of_mixed_probabilities_are_mixed_labels():
    """ClassMix labels the mixed maps; labels mixed afterwards are the same."""
    soft = torch.randn(4, 6, 8, 9).softmax(1)
    labels = soft.argmax(1)
    masks = class_masks(labels)
    assert masks.any()
    mixed = mix(soft, partners(soft, 'roll'), masks)
    assert torch.equal(
        mixed.argmax(1), mix(labels, partners(labels, 'roll'), masks))


def test_mix_pixel_by_pixel():
    images, labels = torch.randn(3, 2, 4, 5), torch.randint(9, (3, 4, 5))
    mask = torch.rand(3, 1, 4, 5) < 0.5
    mixed_images = mix(images, partners(images, 'roll'), mask)
    mixed_labels = mix(labels, partners(labels, 'roll'), mask)
    for i in range(3):
        for row in range(4):
            for column in range(5):
                # of three images, the one before is two after
                source = (i + 2) % 3 if mask[i, 0, row, column] else i
                at = source, row, column
                assert mixed_labels[i, row, column] == labels[at]
                assert torch.equal(mixed_images[i, :, row, column],
                                   images[source, :, row, column])


def test_partners():
    batch = torch.arange(5)
    assert partners(batch, 'roll').tolist() == [4, 0, 1, 2, 3]
    assert partners(batch, 'flip').tolist() == [4, 3, 2, 1, 0]
    with pytest.raises(ValueError, match="'flip'.*got 'random'"):
        partners(batch, 'random')


@pytest.mark.parametrize('path', golden_files('unimatch_v2'))
def test_recorded_mix_of_unimatch_v2(path):
    recorded = load(path)

    def mixed(tensor, view):
        return mix(tensor, partners(tensor, 'flip'),
                   recorded[f'box{view}'][:, None].bool())

    confidence, labels = recorded['logits_teacher'].softmax(1).max(1)
    assert torch.equal(labels, recorded['pseudo'])
    torch.testing.assert_close(
        confidence, recorded['conf'], rtol=1e-5, atol=0)
    for view in (1, 2):
        for name, tensor in (('pseudo', labels), ('conf', recorded['conf']),
                             ('ignore', recorded['ignore_mask'])):
            assert torch.equal(
                mixed(tensor, view), recorded[f'{name}_mixed{view}'])
        assert torch.equal(
            mixed(recorded[f'img_s{view}'], view),
            recorded[f'img_s{view}_mixed'])


@pytest.mark.parametrize('path', golden_files('unimatch_v1'))
def test_recorded_mix_of_unimatch_v1(path):
    recorded = load(path)
    for kind in ('w', 'mix'):
        confidence, labels = recorded[f'logits_{kind}'].softmax(1).max(1)
        assert torch.equal(labels, recorded[f'pseudo_{kind}'])
        torch.testing.assert_close(
            confidence, recorded[f'conf_{kind}'], rtol=1e-5, atol=0)
    for view in (1, 2):
        mask = recorded[f'box{view}'][:, None].bool()
        for own, partner, mixed in (
            ('pseudo_w', 'pseudo_mix', f'pseudo_mixed{view}'),
            ('conf_w', 'conf_mix', f'conf_mixed{view}'),
            ('ignore_mask', 'ignore_mask_mix', f'ignore_mixed{view}'),
            (f'img_s{view}', f'img_s{view}_mix', f'img_s{view}_mixed')):
            assert torch.equal(
                mix(recorded[own], recorded[partner], mask), recorded[mixed])


@pytest.mark.parametrize('path', golden_files('cps'))
def test_recorded_mix_of_cps(path):
    recorded = load(path)
    mask = recorded['mix_mask'].bool()
    assert torch.equal(
        mix(recorded['cutmix_img0'], recorded['cutmix_img1'], mask),
        recorded['cutmix_img_mixed'])
    for network in (1, 2):
        scores = mix(recorded[f'logits_u0_{network}'],
                     recorded[f'logits_u1_{network}'], mask)
        assert torch.equal(
            scores.argmax(1), recorded[f'cutmix_pseudo{network}'])
