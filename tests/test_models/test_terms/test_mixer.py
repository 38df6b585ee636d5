"""Tests of ``mmseg_dcc/models/terms/mixer.py``."""
import pytest
import torch

from mmseg_dcc.models.terms import Mixer

KINDS = ('cutmix', 'half_box', 'three_boxes', 'classmix')


@pytest.mark.parametrize('kind', KINDS)
def test_every_kind_mixes_all_maps_alike(kind):
    mixer = Mixer(kind, prob=1.)
    labels = torch.randint(5, (4, 16, 16))
    images = torch.stack([labels, labels + 10], 1).float()
    masks = mixer.draw(images, labels)
    assert masks.shape == (4, 1, 16, 16) and masks.dtype == torch.bool
    assert masks.any()
    mixed = mixer(images, masks)
    assert torch.equal(mixed[:, 0].long(), mixer(labels, masks))
    assert torch.equal(mixed[:, 1].long(), mixer(labels, masks) + 10)


@pytest.mark.parametrize('kind', KINDS[:-1])
def test_boxes_are_drawn_without_labels(kind):
    mixer = Mixer(kind)
    images, labels = torch.randn(3, 3, 9, 7), torch.randint(5, (3, 9, 7))
    drawn = []
    for arguments in ((images, ), (images, labels)):
        torch.manual_seed(5)
        drawn.append(mixer.draw(*arguments))
    assert torch.equal(*drawn)


def test_classmix_pastes_classes_onto_the_next_image():
    """As published: mask x image i + (1 - mask) x image i + 1."""
    labels = torch.randint(6, (3, 8, 8))
    images = torch.randn(3, 2, 8, 8)
    mixer = Mixer('classmix', partner='roll')
    masks = mixer.draw(images, labels)
    mixed, mixed_labels = mixer(images, masks), mixer(labels, masks)
    for i in range(3):
        after = (i + 1) % 3
        pasted = masks[after, 0]
        drawn = set(labels[i][pasted].tolist())
        assert len(drawn) == len(labels[i].unique()) // 2
        # all of each class
        assert not drawn & set(labels[i][~pasted].tolist())
        expected = torch.where(pasted, images[i], images[after])
        assert torch.equal(mixed[after], expected)
        assert torch.equal(mixed_labels[after],
                           torch.where(pasted, labels[i], labels[after]))


def test_padding_is_no_class():
    labels = torch.zeros(2, 8, 8, dtype=torch.long)
    labels[:, :4] = 1
    labels[:, 6:] = 2
    valid = torch.ones(2, 8, 8, dtype=torch.bool)
    valid[:, 6:] = False
    for _ in range(20):
        masks = Mixer('classmix').draw(labels[:, None], labels, valid)[:, 0]
        # one of two classes, not of three
        for first, second in zip(masks[:, :4], masks[:, 4:6]):
            assert (first.all() and not second.any()
                    or second.all() and not first.any())
        assert not masks[:, 6:].any()


def test_classmix_without_labels_is_refused():
    with pytest.raises(ValueError, match="'classmix' needs the labels of"):
        Mixer('classmix').draw(torch.randn(2, 3, 8, 8))


def test_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="'mixup' is unknown.*'classmix'"):
        Mixer('mixup')
