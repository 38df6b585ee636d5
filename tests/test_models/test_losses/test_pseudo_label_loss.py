import re

import pytest
import torch
import torch.nn.functional as F

from mmseg_dcc.models.losses import pseudo_label_loss
from tests.golden import assert_gradient, assert_values, golden_files, load

NORMALISATIONS = ('valid', 'kept', 'share')


def make_batch(classes=4):
    return dict(
        scores=torch.randn(3, classes, 5, 6, requires_grad=True),
        labels=torch.randint(max(classes, 2), (3, 5, 6)),
        confidence=torch.rand(3, 5, 6),
        valid=torch.rand(3, 5, 6) < 0.8)


def pixel_loss(scores, label, use_sigmoid):
    """Cross entropy of one pixel; ``scores`` is a list."""
    scores = torch.tensor(scores, dtype=torch.float64)
    if not use_sigmoid:
        return -scores.softmax(0)[label].log().item()
    if len(scores) == 1:
        is_label = torch.tensor([label == 1])
    else:
        is_label = torch.arange(len(scores)) == label
    probability = scores.sigmoid()
    return -torch.where(is_label, probability,
                        1 - probability).log().mean().item()


def naive_loss(scores, labels, confidence, valid, threshold, normalise,
               use_sigmoid):
    kept_sum = all_sum = kept = count = 0
    for image in range(len(scores)):
        for row in range(scores.shape[2]):
            for column in range(scores.shape[3]):
                at = image, row, column
                if not valid[at]:
                    continue
                loss = pixel_loss(scores[image, :, row, column].tolist(),
                                  labels[at].item(), use_sigmoid)
                count += 1
                all_sum += loss
                if confidence[at] >= threshold:
                    kept += 1
                    kept_sum += loss
    return {
        'valid': kept_sum / count,
        'kept': kept_sum / max(kept, 1),
        'share': all_sum / count * kept / count
    }[normalise]


@pytest.mark.parametrize('normalise', NORMALISATIONS)
@pytest.mark.parametrize('classes, use_sigmoid', [(4, False), (4, True),
                                                  (1, True)])
@pytest.mark.parametrize('threshold', [0., 0.6, 1.1])
def test_equals_a_loop(classes, use_sigmoid, threshold, normalise):
    batch = make_batch(classes)
    loss = pseudo_label_loss(
        **batch,
        threshold=threshold,
        normalise=normalise,
        use_sigmoid=use_sigmoid)
    expected = naive_loss(**batch, threshold=threshold, normalise=normalise,
                          use_sigmoid=use_sigmoid)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_a_confidence_equal_to_the_threshold_is_kept():
    batch = make_batch()
    batch['confidence'].fill_(0.5)
    assert pseudo_label_loss(**batch, threshold=0.5) > 0
    assert pseudo_label_loss(**batch, threshold=0.51) == 0


@pytest.mark.parametrize('normalise', NORMALISATIONS)
@pytest.mark.parametrize('unkept', ['confidence', 'valid'])
def test_nothing_kept_is_zero_with_a_graph(unkept, normalise):
    batch = make_batch()
    batch[unkept].fill_(0)
    loss = pseudo_label_loss(**batch, threshold=0.5, normalise=normalise)
    loss.backward()
    assert loss == 0
    assert not batch['scores'].grad.any()


@pytest.mark.parametrize('normalise', NORMALISATIONS)
def test_padding_has_no_influence(normalise):
    batch = make_batch()
    padding = ~batch['valid']
    arguments = dict(threshold=0.3, normalise=normalise)
    loss = pseudo_label_loss(**batch, **arguments)
    batch['scores'] = batch['scores'].detach().masked_fill(
        padding[:, None], 9.).requires_grad_()
    batch['labels'][padding] = 0
    batch['confidence'][padding] = 1.
    other = pseudo_label_loss(**batch, **arguments)
    other.backward()
    torch.testing.assert_close(other, loss)
    assert not batch['scores'].grad.movedim(1, -1)[padding].any()


@pytest.mark.parametrize('use_sigmoid', [False, True])
def test_float32_inside_autocast(use_sigmoid):
    batch = make_batch()
    batch['scores'] = batch['scores'].detach().bfloat16()
    arguments = dict(threshold=0.3, use_sigmoid=use_sigmoid)
    with torch.autocast('cpu', torch.bfloat16):
        loss = pseudo_label_loss(**batch, **arguments)
    batch['scores'] = batch['scores'].float()
    assert loss.dtype == torch.float32
    assert torch.equal(loss, pseudo_label_loss(**batch, **arguments))


def test_unknown_normalisation_is_refused():
    with pytest.raises(ValueError, match="'share'.*got 'mean'"):
        pseudo_label_loss(**make_batch(), threshold=0, normalise='mean')


def test_softmax_of_one_channel_is_refused():
    with pytest.raises(ValueError, match='use_sigmoid=True'):
        pseudo_label_loss(**make_batch(classes=1), threshold=0)


def thresholds(recorded):
    """Names and values of the thresholds: ``t95`` stands for 0.95."""
    names = [
        match[1] for match in (re.fullmatch(r'unimatch_(t\d+)_loss', name)
                               for name in recorded) if match
    ]
    assert names
    return {name: int(name[1:]) / 100 for name in names}


def view_loss(recorded, scores, view, threshold):
    """Loss of a strong view with the recorded mixed labels."""
    return pseudo_label_loss(scores, recorded[f'pseudo_mixed{view}'],
                             recorded[f'conf_mixed{view}'],
                             recorded[f'ignore_mixed{view}'] == 0, threshold)


def leaves(recorded, *names):
    return [recorded[f'logits_{name}'].requires_grad_() for name in names]


def supervised_loss(recorded, scores):
    loss = F.cross_entropy(scores, recorded['label_x'], ignore_index=255)
    assert_values(loss, recorded['loss_x'])
    return loss


@pytest.mark.parametrize('path',
                         golden_files('unimatch_v1') +
                         golden_files('unimatch_v2'))
def test_recorded_fixmatch(path):
    for name, threshold in thresholds(load(path)).items():
        recorded = load(path)
        labeled, strong = leaves(recorded, 'x', 's1')
        unsupervised = view_loss(recorded, strong, 1, threshold)
        assert_values(unsupervised, recorded[f'fixmatch_{name}_loss_u_s'])
        loss = (supervised_loss(recorded, labeled) + unsupervised) / 2
        assert_values(loss, recorded[f'fixmatch_{name}_loss'])
        loss.backward()
        assert_gradient(labeled.grad, recorded['unimatch_grad_x'])
        assert_gradient(strong.grad, recorded[f'fixmatch_{name}_grad_s'])


@pytest.mark.parametrize('path', golden_files('unimatch_v2'))
def test_recorded_unimatch_v2(path):
    for name, threshold in thresholds(load(path)).items():
        recorded = load(path)
        labeled, strong1, strong2 = leaves(recorded, 'x', 's1', 's2')
        losses = [
            view_loss(recorded, strong1, 1, threshold),
            view_loss(recorded, strong2, 2, threshold)
        ]
        for view, loss in enumerate(losses, 1):
            assert_values(loss, recorded[f'unimatch_{name}_loss_u_s{view}'])
        unsupervised = sum(losses) / 2
        assert_values(unsupervised, recorded[f'unimatch_{name}_loss_u_s'])
        loss = (supervised_loss(recorded, labeled) + unsupervised) / 2
        assert_values(loss, recorded[f'unimatch_{name}_loss'])
        loss.backward()
        assert_gradient(labeled.grad, recorded['unimatch_grad_x'])
        assert_gradient(strong1.grad, recorded[f'unimatch_{name}_grad_s1'])
        assert_gradient(strong2.grad, recorded[f'unimatch_{name}_grad_s2'])


@pytest.mark.parametrize('path', golden_files('unimatch_v1'))
def test_recorded_unimatch_v1(path):
    for name, threshold in thresholds(load(path)).items():
        recorded = load(path)
        labeled, dropped, strong1, strong2 = leaves(recorded, 'x', 'fp', 's1',
                                                    's2')
        losses = dict(
            s1=view_loss(recorded, strong1, 1, threshold),
            s2=view_loss(recorded, strong2, 2, threshold),
            # of the weak view, whose labels are not mixed
            w_fp=pseudo_label_loss(dropped, recorded['pseudo_w'],
                                   recorded['conf_w'],
                                   recorded['ignore_mask'] == 0, threshold))
        for key, loss in losses.items():
            assert_values(loss, recorded[f'unimatch_{name}_loss_u_{key}'])
        loss = (
            supervised_loss(recorded, labeled) + losses['s1'] / 4 +
            losses['s2'] / 4 + losses['w_fp'] / 2) / 2
        assert_values(loss, recorded[f'unimatch_{name}_loss'])
        loss.backward()
        assert_gradient(labeled.grad, recorded['unimatch_grad_x'])
        for key, scores in dict(fp=dropped, s1=strong1, s2=strong2).items():
            assert_gradient(scores.grad,
                            recorded[f'unimatch_{name}_grad_{key}'])
