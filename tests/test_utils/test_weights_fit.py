"""Tests of ``mmseg_dcc/utils/weights_fit.py``."""
import torch

from mmseg_dcc.utils.weights_fit import compare_weights, weights_of
from tests.tiny_models import SINGLE, build


def network(**kwargs):
    return build('EncoderDecoder', 'SegDataPreProcessor', **SINGLE, **kwargs)


def test_own_weights_fit():
    model = network()
    fit = compare_weights(model, weights_of(model.state_dict()))
    assert fit.unfit == 0 and not fit.not_finite and fit.text() == ''
    assert fit.total > 10


def test_names_of_wrapped_models():
    wrapped = {f'module.{k}': v for k, v in network().state_dict().items()}
    fit = compare_weights(network(), weights_of(dict(state_dict=wrapped)))
    assert fit.unfit == 0


def test_what_does_not_fit_is_counted():
    weights = network().state_dict()
    names = [name for name in weights if name.endswith('conv_seg.weight')]
    weights[names[0]] = torch.zeros(3, 1, 1, 1)
    first = next(iter(weights))
    del weights[first]
    last = next(name for name in weights if name.endswith('conv_seg.bias'))
    weights[last][0] = float('nan')
    fit = compare_weights(network(), weights)
    assert fit.missing == [first]
    assert len(fit.misshaped) == 1 and '(3, 1, 1, 1)' in fit.text()
    assert fit.not_finite == [last] and 'NaN' in fit.text()
    assert fit.unfit == 2


def test_what_inference_does_without():
    weights = {
        name: value
        for name, value in network().state_dict().items()
        if not name.endswith('num_batches_tracked')
    }
    assert compare_weights(network(), weights).unfit == 0
    model = network()
    model.auxiliary_head = torch.nn.Conv2d(1, 1, 1)
    model.terms = torch.nn.Conv2d(1, 1, 1)
    assert compare_weights(model, weights).unfit == 0
