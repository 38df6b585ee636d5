"""Tests of the hooks that visualize crop pairs.

``pair_hook.py``, ``pair_visualization_hook.py`` and
``confidence_histogram_hook.py`` in ``mmseg_dcc/engine/hooks/``.
"""
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)

from mmseg_dcc.engine import ConfidenceHistogramHook, PairVisualizationHook
from mmseg_dcc.engine.hooks.pair_hook import PairHook
from mmseg_dcc.models.diagnostics import UNKNOWN
from tests.tiny_models import SINGLE, build
from tests.tiny_training import MASKS, train

# Each switched on as a user does, by one option.
TENSORBOARD = {'visualizer.vis_backends.0.type': 'TensorboardVisBackend'}
WATCHED = {
    **TENSORBOARD,
    **MASKS,
    'default_hooks.pairs.type': 'PairVisualizationHook',
    'default_hooks.pairs.interval': 2,
    'default_hooks.histograms.type': 'ConfidenceHistogramHook',
    'default_hooks.histograms.interval': 1,
}


class Recorder(PairHook):
    """Records the iteration and the pairs that a hook gets."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.calls = []

    def visualize(self, runner, term, pairs):
        self.calls.append((runner.iter + 1, pairs))


class LossArguments(Hook):
    """Records the arguments of each call of the loss."""

    def __init__(self):
        self.calls = []

    def before_train(self, runner):
        runner.model.terms['dc'].pair_loss.register_forward_pre_hook(
            lambda module, args: self.calls.append(args[2:6]))


@pytest.fixture(scope='module')
def watched(data_dir, tmp_path_factory):
    """A training with all visualizations, and one without."""
    folder = tmp_path_factory.mktemp('watched')
    hooks = [Recorder(1), LossArguments()]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(data_dir)
        runner, steps = train(folder / 'on', WATCHED, hooks)
        plain, plain_steps = train(folder / 'off')
    events = EventAccumulator(
        str(next((folder / 'on').rglob('vis_data'))),
        dict(images=0, histograms=0))
    events.Reload()
    return dict(
        runner=runner,
        steps=steps,
        plain=plain,
        plain_steps=plain_steps,
        pairs=hooks[0].calls,
        loss_arguments=hooks[1].calls,
        events=events)


@pytest.mark.slow
def test_watching_changes_nothing(watched):
    state, plain = (watched[name].model.state_dict()
                    for name in ('runner', 'plain'))
    assert all(torch.equal(value, plain[key]) for key, value in state.items())
    for step, other in zip(watched['steps'], watched['plain_steps']):
        assert step == {**step, **other}


def test_scalars(watched):
    events, steps = watched['events'], watched['steps']
    for name in ('positive_ratio', 'mean_confidence', 'bank_fill', 'bank_age',
                 'positive_precision', 'negative_precision',
                 'random_negative_precision'):
        key = f'unsup_{name}'
        logged = {event.step: event.value for event in events.Scalars(key)}
        assert logged == {
            number + 1: pytest.approx(step[key], abs=1e-6)
            for number, step in enumerate(steps) if key in step
        }
        # not in the warm-up
        assert set(logged) == {2, 3, 4}
    rates = [event.value for event in events.Scalars('lr')]
    assert len(rates) == 4 and rates == sorted(rates)


def test_precision_needs_masks(watched):
    assert not any('precision' in key for step in watched['plain_steps']
                   for key in step)


def test_hooks_see_what_the_loss_sees(watched):
    assert [iteration for iteration, _ in watched['pairs']] == [2, 3, 4]
    for (_, pairs), arguments in zip(watched['pairs'],
                                     watched['loss_arguments']):
        overlaps = torch.cat([pair.overlap().flatten(2) for pair in pairs],
                             -1)
        confidence1, confidence2, labels1, labels2 = arguments
        assert torch.equal(overlaps[0, 0], confidence1)
        assert torch.equal(overlaps[1, 0], confidence2)
        assert torch.equal(overlaps[0, 1], labels1.float())
        assert torch.equal(overlaps[1, 1], labels2.float())


def test_crops_and_true_labels_are_upright(watched):
    """Masks and photometric augmentation aside, the overlaps are alike."""
    for _, pairs in watched['pairs']:
        for pair in pairs:
            truth = pair.overlap()[:, 2]
            parts = [
                crop[top:bottom, left:right]
                for crop, (top, left, bottom, right) in zip(
                    pair.crops, pair.infos[0].shared(pair.infos[1]))
            ]
            means = [part.astype(float).mean(-1).ravel() for part in parts]
            assert np.corrcoef(*means)[0, 1] > 0.9
            # The middle of a position is one pixel off in a flipped crop.
            assert (truth[0] == truth[1]).float().mean() > 0.5


def test_histograms(watched):
    events = watched['events']
    histograms = {
        name: {
            event.step: event.histogram_value
            for event in events.Histograms(f'confidence/{name}')
        }
        for name in ('overlap', 'right', 'wrong')
    }
    for step, pairs in watched['pairs']:
        confidence, labels, truth = torch.cat(
            [pair.overlap().flatten(2) for pair in pairs],
            -1).transpose(0, 1)
        for name, mask in dict(
                overlap=labels >= 0,
                right=(labels == truth) & (truth != UNKNOWN),
                wrong=(labels != truth) & (truth != UNKNOWN)).items():
            if mask.any():
                histogram = histograms[name][step]
                assert histogram.num == mask.sum()
                assert histogram.sum == pytest.approx(
                    float(confidence[mask].double().sum()), rel=1e-5)
            else:
                assert step not in histograms[name]


def test_pictures_in_tensorboard(watched):
    events = watched['events']
    assert set(events.Tags()['images']) == {'pair_0', 'pair_1'}
    for name in ('pair_0', 'pair_1'):
        images = events.Images(name)
        assert [image.step for image in images] == [2, 4]
        assert images[0].width > images[0].height > 600


def test_pictures_by_epoch_in_the_work_dir(in_data_dir, tmp_path):
    train(
        tmp_path / 'epochs', {
            'default_hooks.pairs':
            dict(type='PairVisualizationHook', interval=2, by_epoch=True,
                 number=1),
            'train_cfg': dict(
                _delete_=True, type='EpochBasedTrainLoop', max_epochs=2),
            'train_dataloader.batch_sampler.epoch_length': 2,
        })
    pictures = list((tmp_path / 'epochs').rglob('vis_image/*'))
    assert [path.name for path in pictures] == ['pair_0_4.png']
    assert len(np.unique(np.array(Image.open(pictures[0])))) > 50


def test_tensorboard_must_be_on(in_data_dir, tmp_path):
    with pytest.raises(ValueError, match='TensorboardVisBackend'):
        train(tmp_path / 'off',
              {'default_hooks.histograms.type': 'ConfidenceHistogramHook'})


def test_supervised_model_is_refused():
    model = build('EncoderDecoder', 'SegDataPreProcessor', **SINGLE)
    with pytest.raises(TypeError, match='such as DCCSegmentor, got Encoder'):
        PairVisualizationHook().before_train(SimpleNamespace(model=model))


@pytest.mark.parametrize('hook_class',
                         [ConfidenceHistogramHook, PairVisualizationHook])
def test_interval_must_be_positive(hook_class):
    with pytest.raises(ValueError, match=f'{hook_class.__name__}.interval'):
        hook_class(interval=0)
