import pytest
import torch

from mmseg_dcc.models.losses import pixel_distance
from tests.cct_recordings import decoder_of
from tests.golden import assert_gradient, assert_values, golden_files, load


@pytest.mark.parametrize('kind', ['mse', 'kl', 'js'])
@pytest.mark.parametrize(
    'path', golden_files('cct'), ids=lambda path: path.stem)
def test_recorded_values(path, kind):
    recorded = load(path)
    target = recorded['z'].softmax(1)
    assert_values(target[:, :, 1::3, ::3], recorded['target_sub'])
    scores = decoder_of(recorded, 'fnoise')(
        recorded['fnoise_pert']).detach().requires_grad_()
    distance = pixel_distance(scores, target, kind)
    assert_values(distance.mean(), recorded[f'un_{kind}'])
    if kind != 'js':  # where the target is confident alone
        sure = target.amax(1) > 0.5
        # published: a mean over classes in one, over all pixels in the other
        mean = (
            distance[sure].mean() if kind == 'mse' else distance[sure].sum() *
            target.shape[1] / sure.numel())
        assert_values(mean, recorded[f'un_{kind}_conf'])
    distance.mean().backward()
    assert_gradient(scores.grad[:, :, 1::5, 2::5],
                    recorded[f'un_{kind}_grad_sub'])
    assert_values(scores.grad.square().sum(), recorded[f'un_{kind}_grad_sq'],
                  1e-4)


@pytest.mark.parametrize('kind', ['mse', 'kl', 'js'])
def test_of_equal_and_of_certain_predictions(kind):
    scores = torch.randn(2, 3, 4, 5)
    assert pixel_distance(scores, scores.softmax(1),
                          kind).abs().max() < 2e-5
    certain = torch.nn.functional.one_hot(
        torch.randint(3, (2, 4, 5))).permute(0, 3, 1, 2).float()
    scores.requires_grad_()
    distance = pixel_distance(scores, certain, kind)
    assert distance.shape == (2, 4, 5) and (distance > 0).all()
    distance.sum().backward()
    assert scores.grad.isfinite().all() and scores.grad.any()


def test_unknown_kind():
    with pytest.raises(ValueError, match="mse.*got 'l1'.*model.terms"):
        pixel_distance(torch.rand(1, 2, 3, 4), torch.rand(1, 2, 3, 4), 'l1')
