import pytest
import torch
import torch.nn.functional as F

from mmseg_dcc.models.discriminators import FullyConvDiscriminator
from mmseg_dcc.models.frozen import frozen
from mmseg_dcc.models.losses import (
    one_hot_maps,
    pseudo_label_loss,
    realism_loss,
    trusted_mask,
)
from tests.golden import assert_gradient, assert_values, golden_files, load


@pytest.mark.parametrize('real', [False, True])
@pytest.mark.parametrize('masked', [False, True])
def test_realism_equals_a_loop(masked, real):
    score_map = 4 * torch.randn(2, 1, 3, 5)
    valid = torch.rand(2, 3, 5) < 0.6 if masked else None
    total, count = 0., 0
    for image in range(2):
        for row in range(3):
            for column in range(5):
                if masked and not valid[image, row, column]:
                    continue
                count += 1
                probability = score_map[image, 0, row, column].sigmoid()
                total -= (probability if real else
                          1 - probability).double().log().item()
    assert realism_loss(score_map, real, valid).item() == pytest.approx(
        total / count, rel=1e-5)


def test_realism_without_valid_pixels_is_zero_with_a_graph():
    score_map = torch.randn(2, 1, 3, 5, requires_grad=True)
    loss = realism_loss(score_map, True,
                        torch.zeros(2, 3, 5, dtype=torch.bool))
    loss.backward()
    assert loss == 0
    assert not score_map.grad.any()


def test_realism_of_large_scores_is_finite():
    score_map = torch.tensor([-200., 200.])[None, None, None]
    assert realism_loss(score_map, True) == 100
    assert realism_loss(score_map, False) == 100


@pytest.mark.parametrize('ignore_index', [1, 255])
def test_one_hot_maps_pixel_by_pixel(ignore_index):
    labels = torch.randint(3, (2, 4, 5))
    labels[0, :2] = ignore_index
    maps = one_hot_maps(labels, 3, ignore_index)
    assert maps.shape == (2, 3, 4, 5) and maps.dtype == torch.float32
    for image in range(2):
        for row in range(4):
            for column in range(5):
                expected = [0., 0., 0.]
                label = labels[image, row, column].item()
                if label != ignore_index:
                    expected[label] = 1.
                assert maps[image, :, row, column].tolist() == expected


def test_trusted_mask():
    score_map = torch.tensor([-0.01, 0., 0.01])[None, None, None]
    assert trusted_mask(score_map, 0.5).tolist() == [[[False, True, True]]]
    assert trusted_mask(score_map, 0.).all()


def settings(recorded):
    """Recorded settings by name."""
    pairs = (item.split() for item in str(recorded['config']).split('; '))
    numbers = {}
    for name, *values in pairs:
        if name == 'mask_T':
            # mask_T 0.2 (case none: 0.9999)
            numbers['mask_T of none'] = float(values[-1].rstrip(')'))
        if values and values[0].replace('.', '').isdigit():
            numbers[name] = float(values[0])
    return numbers


def build_discriminator(recorded):
    weights = {
        name[2:]: array for name, array in recorded.items()
        if name.startswith('D.')
    }
    channels = [
        len(array) for name, array in weights.items()
        if name.startswith('conv') and name.endswith('bias')
    ]
    discriminator = FullyConvDiscriminator(
        recorded['logits_l'].shape[1], channels=channels)
    # layers in the same order, other names
    for (_, own), array in zip(discriminator.named_parameters(),
                               weights.values()):
        own.data.copy_(array)
    assert len(list(discriminator.parameters())) == len(weights)
    return discriminator, list(weights)


def thinned(name, tensor):
    """Every 8th pixel for a name that ends in ``_s8``."""
    step = int(name.rpartition('_s')[2])
    return tensor[..., ::step, ::step]


@pytest.mark.parametrize('case', ['before', 'after', 'none'])
@pytest.mark.parametrize('path', golden_files('advsemiseg'))
def test_recorded_with_one_backward(path, case):
    """Losses and gradients of a step, from one backward pass.

    Where no pixel is trusted (``none``) the published code skips the
    adversarial loss of the unlabeled images, too. Here it stays.
    """
    recorded = load(path)
    config = settings(recorded)
    discriminator, parameter_names = build_discriminator(recorded)
    cases = dict(zip(('before', 'after', 'none'),
                     recorded['iterations'].tolist()))
    label, real = recorded['label_l'], recorded['label_gt']

    low = {name: recorded[f'logits_{name}'].requires_grad_() for name in 'lu'}
    full, maps, score_maps = {}, {}, {}
    for name, logits in low.items():
        full[name] = F.interpolate(
            logits, label.shape[1:], mode='bilinear', align_corners=True)
        full[name].retain_grad()
        maps[name] = full[name].softmax(1)
        score_maps[name] = frozen(discriminator)(maps[name])
        assert_values(
            discriminator.layers(maps[name]), recorded[f'd_low_{name}'])
        key = f'd_up_{name}_s8'
        assert_values(thinned(key, score_maps[name]), recorded[key])

    # the segmentor
    supervised = F.cross_entropy(full['l'], label, ignore_index=255)
    assert_values(supervised, recorded['loss_ce_l'])
    adversarial = realism_loss(score_maps['l'], True, label != 255)
    assert_values(adversarial, recorded['loss_adv_l'])
    semi_adversarial = realism_loss(score_maps['u'], True)
    assert_values(semi_adversarial, recorded['loss_semi_adv'])
    loss = (
        supervised + config['lambda_adv_pred'] * adversarial +
        config['lambda_semi_adv'] * semi_adversarial)
    if cases[case] >= config['semi_start']:
        threshold = config['mask_T of none' if case == 'none' else 'mask_T']
        trusted = trusted_mask(score_maps['u'], threshold)
        labels = full['u'].argmax(1)
        semi = pseudo_label_loss(
            full['u'],
            labels,
            score_maps['u'].sigmoid()[:, 0],
            torch.ones_like(trusted),
            threshold,
            normalise='kept')
        assert_values(semi, recorded[f'{case}.loss_semi_ce'])
        assert_values(trusted.float().mean(), recorded[f'{case}.semi_ratio'])
        if case == 'after':
            assert torch.equal(trusted, recorded['after.semi_mask'])
            assert torch.equal(
                labels.masked_fill(~trusted, 255), recorded['after.semi_gt'])
        loss = loss + config['lambda_semi'] * semi

    # the discriminator
    fake_maps = torch.cat([maps['l'], maps['u']]).detach()
    real_maps = one_hot_maps(real, fake_maps.shape[1], ignore_index=255)
    assert_values(discriminator.layers(fake_maps), recorded['d_low_fake'])
    assert_values(discriminator.layers(real_maps), recorded['d_low_real'])
    valid = torch.cat([label != 255, torch.ones_like(label).bool()])
    fake = realism_loss(discriminator(fake_maps), False, valid)
    assert_values(fake, recorded['loss_d_fake_bce'])
    right = realism_loss(discriminator(real_maps), True, real != 255)
    assert_values(right, recorded['loss_d_real_bce'])
    assert_values((fake + right) / 2, recorded['loss_d'])

    (loss + (fake + right) / 2).backward()
    kept_case = 'before' if case == 'none' else case
    for name, prefix in (('l', ''), ('u', f'{kept_case}.')):
        assert_gradient(low[name].grad, recorded[f'{prefix}grad_{name}'])
        key = f'{prefix}gradfull_{name}_s8'
        assert_gradient(thinned(key, full[name].grad), recorded[key])
    for name, parameter in zip(parameter_names, discriminator.parameters()):
        assert_gradient(parameter.grad, recorded[f'gradD.{name}'])
