"""Tests of ``mmseg_dcc/models/terms/cross_pseudo.py``."""
import copy

import pytest
import torch

from tests.given_scores import given_scores, labeled_samples, select
from tests.golden import (
    assert_gradient,
    assert_values,
    golden_files,
    load,
)
from tests.tiny_models import (
    CASCADE,
    PSP,
    SINGLE,
    aligned_sample,
    batch,
    build,
    losses_of,
    without_dropout,
)


def make_model(config=SINGLE, **kwargs):
    torch.manual_seed(0)
    return build(
        'SemiEncoderDecoder', **config,
        terms=dict(cps=dict(type='CrossPseudo', **kwargs))).train()


def weak_batch(pairs=2):
    return batch(pairs=pairs, sample=lambda: aligned_sample(('weak', )))


@pytest.mark.parametrize('weight', [1.5, 6.])
@pytest.mark.parametrize('path', golden_files('cps'),
                         ids=lambda path: path.stem)
def test_recorded_values(path, weight):
    """Recorded values; each network reads its scores from other channels."""
    record = load(path)
    classes = record['logits_sup1'].shape[1]
    model = given_scores(
        classes,
        dict(cps=dict(type='CrossPseudo', weight=weight)),
        channels=2 * classes)
    select(model.terms['cps'].partner, range(classes, 2 * classes))
    labeled, unlabeled = (
        torch.cat([record[f'logits_{part}1'], record[f'logits_{part}2']],
                  1).requires_grad_() for part in ('sup', 'u'))
    samples = [aligned_sample(('weak', )) for _ in unlabeled]
    size = unlabeled.shape[2:]
    for sample in samples:
        sample.set_metainfo(
            dict(views=dict(weak=whole_view(size))))
    losses = model(
        dict(sup=labeled, unsup=unlabeled[:, None]),
        dict(sup=labeled_samples(record['label']), unsup=samples),
        mode='loss')
    name = f'cps_w{weight:g}'.replace('.', 'p')
    assert_values(losses['sup_decode.loss_ce'], record['loss_sup1'])
    assert_values(losses['unsup_loss_cps_partner'], record['loss_sup2'])
    assert_values(losses['unsup_loss_cps'], record[f'{name}_loss_cps'])
    total, _ = model.parse_losses(losses)
    assert_values(total, record[f'{name}_loss'])
    if f'{name}_grad_u1' not in record:
        return
    total.backward()
    for grad, part in ((labeled.grad, 'sup'), (unlabeled.grad, 'u')):
        for network, single in enumerate(grad.chunk(2, 1), 1):
            assert_gradient(single, record[f'{name}_grad_{part}{network}'])


def whole_view(size):
    from mmseg_dcc.structures import ViewInfo
    return ViewInfo((0, 0, *size), (0, 0, *size))


@pytest.mark.parametrize('config', [SINGLE, PSP, CASCADE])
@pytest.mark.parametrize('mix', [None, 'three_boxes', 'classmix'])
def test_both_networks_learn(config, mix):
    model = make_model(config, mix=mix)
    losses = losses_of(model, weak_batch())
    assert losses['unsup_loss_cps'] > 0
    model.parse_losses(losses)[0].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
    # clean labeled and unlabeled images, or also mixed ones
    assert model.backbone.bn1.num_batches_tracked == (3 if mix else 2)
    partner = model.terms['cps'].partner
    assert partner.backbone.bn1.num_batches_tracked == (3 if mix else 2)


@pytest.mark.parametrize('mix', [None, 'three_boxes'])
def test_identical_networks_teach_themselves(mix):
    """Identical networks have equal losses, also when swapped."""
    model = without_dropout(make_model(mix=mix, weight=1.))
    partner = model.terms['cps'].partner
    partner.load_state_dict(model.state_dict(), strict=False)
    data = weak_batch()
    losses = losses_of(model, data)
    assert losses['unsup_agreement'] == 1
    torch.testing.assert_close(losses['unsup_loss_cps_partner'],
                               losses['sup_decode.loss_ce'])
    own, other = make_model(mix=mix), make_model(mix=mix)
    with torch.no_grad():
        for parameter in own.terms['cps'].partner.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    other.load_state_dict(own.state_dict())
    first = {name: value.clone() for name, value in own.state_dict().items()
             if not name.startswith('terms.')}
    other.load_state_dict({
        **own.terms['cps'].partner.state_dict(),
        **{f'terms.cps.partner.{name}': value
           for name, value in first.items()}
    })
    found = []
    for one in map(without_dropout, (own, other)):
        torch.manual_seed(3)
        found.append(losses_of(one, data)['unsup_loss_cps'])
    torch.testing.assert_close(*found)


def test_partner_is_the_stock_network_with_another_head():
    model = make_model()
    model.init_weights()
    partner = model.terms['cps'].partner
    assert type(partner).__name__ == 'EncoderDecoder'
    assert {name for name in model.state_dict()
            if not name.startswith('terms.')} == set(partner.state_dict())
    assert not torch.equal(model.decode_head.conv_seg.weight,
                           partner.decode_head.conv_seg.weight)


def test_partner_may_have_another_backbone():
    backbone = dict(SINGLE['backbone'], base_channels=4, stem_channels=4)
    head = dict(SINGLE['decode_head'], in_channels=16, c1_in_channels=4)
    model = make_model(partner=dict(backbone=backbone, decode_head=head))
    losses = losses_of(model, weak_batch())
    assert losses['unsup_loss_cps'].isfinite()


def test_labels_carry_no_gradient_across():
    """Each loss has gradients for one network only."""
    model = without_dropout(make_model())
    data = weak_batch()
    frozen = copy.deepcopy(model)
    frozen.terms['cps'].partner.requires_grad_(False)
    gradients = []
    for one in (model, frozen):
        losses_of(one, data)['unsup_loss_cps'].backward()
        gradients.append(one.decode_head.conv_seg.weight.grad)
    assert gradients[0].any()
    assert torch.equal(*gradients)
