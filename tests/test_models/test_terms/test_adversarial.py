"""Tests of ``mmseg_dcc/models/terms/adversarial.py``."""
import pytest
import torch

from mmseg_dcc.models.head_features import class_probabilities
from mmseg_dcc.structures import ViewInfo
from tests.given_scores import given_scores, labeled_samples
from tests.golden import (
    assert_gradient,
    assert_values,
    golden_files,
    load,
)
from tests.tiny_models import (
    CASCADE,
    NUM_CLASSES,
    SINGLE,
    aligned_sample,
    batch,
    build,
    losses_of,
    without_dropout,
)


def make_model(config=SINGLE, **kwargs):
    torch.manual_seed(0)
    settings = dict(
        type='Adversarial', discriminator=dict(channels=(4, 8, 8, 8)),
        **kwargs)
    return without_dropout(
        build('SemiEncoderDecoder', **config,
              terms=dict(adversarial=settings)).train())


def weak_batch():
    return batch(sample=lambda: aligned_sample(('weak', )))


@pytest.mark.parametrize('case', ['before', 'after', 'none'])
@pytest.mark.parametrize('path', golden_files('advsemiseg'),
                         ids=lambda path: path.stem)
def test_recorded_values(path, case):
    """Gradients of both networks from one backward pass of all losses."""
    record = load(path)
    classes, low = record['logits_l'].shape[1:3]
    side = record['label_l'].shape[-1]
    factor = (side - 1) // (low - 1)
    channels = [record[f'D.conv{i}.weight'].shape[0] for i in range(1, 5)]
    iteration = dict(
        zip(('before', 'after', 'none'),
            record['iterations'].long().tolist()))[case]
    model = given_scores(
        classes,
        dict(
            adversarial=dict(
                type='Adversarial',
                discriminator=dict(channels=channels),
                self_threshold=0.9999 if case == 'none' else 0.2)),
        factor=factor,
        align_corners=True)
    term = model.terms['adversarial']
    names = [
        *(f'conv{i}.{kind}' for i in range(1, 5)
          for kind in ('weight', 'bias')), 'classifier.weight',
        'classifier.bias'
    ]
    parameters = list(term.discriminator.parameters())
    with torch.no_grad():
        for name, parameter in zip(names, parameters):
            parameter.copy_(record[f'D.{name}'])
    term.real_masks = lambda _: record['label_gt'].long()
    model.iteration = iteration

    images = {}
    for part in ('l', 'u'):
        images[part] = torch.zeros(
            len(record[f'logits_{part}']), classes, side, side)
        images[part][..., ::factor, ::factor] = record[f'logits_{part}']
        images[part].requires_grad_()
    samples = [aligned_sample(('weak', )) for _ in images['u']]
    for sample in samples:
        sample.set_metainfo(
            dict(views=dict(
                weak=ViewInfo((0, 0, side, side), (0, 0, side, side)))))
    losses = model(
        dict(sup=images['l'], unsup=images['u'][:, None]),
        dict(
            sup=labeled_samples(record['label_l'].long()), unsup=samples),
        mode='loss')
    assert_values(losses['sup_decode.loss_ce'], record['loss_ce_l'])
    assert_values(losses['unsup_loss_adversarial_critic'], record['loss_d'])
    expected = (0.01 * record['loss_adv_l'] + 0.001 * record['loss_semi_adv'] +
                0.1 * record[f'{case}.loss_semi_ce'])
    assert_values(losses['unsup_loss_adversarial'], expected)
    if case == 'after':
        assert_values(losses['unsup_trusted_ratio'],
                      record['after.semi_ratio'])
    model.parse_losses(losses)[0].backward()
    assert_gradient(images['l'].grad[..., ::factor, ::factor],
                    record['grad_l'])
    # Published: no loss if no pixel is kept. Here: the adversarial loss.
    key = 'after' if case == 'after' else 'before'
    assert_gradient(images['u'].grad[..., ::factor, ::factor],
                    record[f'{key}.grad_u'])
    for name, parameter in zip(names, parameters):
        assert_gradient(parameter.grad, record[f'gradD.{name}'])


@pytest.mark.parametrize('config', [SINGLE, CASCADE])
def test_each_network_learns_from_its_own_loss_alone(config):
    model = make_model(config)
    losses = losses_of(model, weak_batch())
    critic = dict(model.terms['adversarial'].named_parameters())
    losses['unsup_loss_adversarial'].backward(retain_graph=True)
    assert all(value.grad is None for value in critic.values())
    assert model.backbone.conv1.weight.grad.any()
    model.zero_grad()
    losses['unsup_loss_adversarial_critic'].backward()
    assert all(value.grad.any() for name, value in critic.items()
               if 'weight' in name)
    assert all(value.grad is None for name, value in model.named_parameters()
               if not name.startswith('terms.'))


def test_no_pixel_is_trusted_before_its_time():
    model = make_model(self_iters=5, self_threshold=0.)
    data = weak_batch()
    found = []
    for iteration in (4, 5):
        model.iteration = iteration
        model.load_state_dict(make_model().state_dict())
        found.append(losses_of(model, data)['unsup_loss_adversarial'])
    assert found[1] > found[0] + 0.05


@pytest.mark.parametrize('out_channels, sigmoid, classes', [
    (1, True, 2), (3, True, 3), (3, False, 3)])
def test_class_probabilities(out_channels, sigmoid, classes):
    head = dict(
        SINGLE['decode_head'], num_classes=classes,
        out_channels=out_channels, threshold=0.5,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=sigmoid))
    model = make_model(dict(SINGLE, decode_head=head))
    maps = class_probabilities(model.pixel_head,
                               torch.randn(2, out_channels, 4, 4))
    assert maps.shape == (2, classes, 4, 4)
    if not sigmoid or out_channels == 1:
        torch.testing.assert_close(maps.sum(1), torch.ones(2, 4, 4))
    data = weak_batch()
    for sample in data['data_samples'][:2]:
        sample.gt_sem_seg.data %= NUM_CLASSES - 1
    assert losses_of(model, data)['unsup_loss_adversarial'].isfinite()
