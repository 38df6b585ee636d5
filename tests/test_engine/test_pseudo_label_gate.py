"""Tests of ``mmseg_dcc/engine/pseudo_label_gate.py`` and of its hook."""
import copy
import os
import re
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook
from mmseg.registry import DATASETS, HOOKS, MODELS

from mmseg_dcc.engine.pseudo_label_gate import (
    CANDIDATES,
    GateCurve,
    advice,
    counts_of_image,
)
from mmseg_dcc.models.diagnostics import counts_above
from tests.conftest import ROOT
from tests.processes import run_processes
from tests.tiny_models import SIDE, SINGLE, build, settle
from tests.tiny_models import labeled_sample as make_sample
from tests.tiny_training import train

DEMO = ROOT / 'configs/demo'
UNIMATCH = DEMO / 'deeplabv3plus_small_demo_unimatch_v1.py'
FIXMATCH = DEMO / 'deeplabv3plus_small_demo_fixmatch.py'


def held_out(config, **kwargs):
    """Images with masks that are not among the labeled images."""
    dataset = Config.fromfile(config).val_dataloader.dataset
    return dict(
        dataset, ann_file='ImageSets/Segmentation/train_unlabeled.txt',
        **kwargs)


def gate(config=UNIMATCH, **kwargs):
    settings = {
        'type': 'PseudoLabelGateHook', 'dataset': held_out(config),
        'interval': 2, **kwargs
    }
    return HOOKS.build(settings)


def test_counts_pixel_by_pixel():
    generator = torch.Generator().manual_seed(0)
    # many ties, with the thresholds, too
    confidence = torch.randint(0, 11, (2, 7, 9), generator=generator) / 10
    labels, truth = (
        torch.randint(low, 3, (2, 7, 9), generator=generator)
        for low in (0, -1))
    thresholds = torch.tensor([0., 0.3, 0.95, 1.])
    counts = counts_above(confidence, labels, truth, thresholds)
    for index, threshold in enumerate(thresholds):
        passed = (confidence >= threshold) & (truth != -1)
        assert counts[1, index] == passed.sum()
        assert counts[0, index] == (passed & (labels == truth)).sum()
    assert counts[1, 0] == (truth != -1).sum() < truth.numel()
    nothing = counts_above(confidence[:0], labels[:0], truth[:0], thresholds)
    assert not nothing.any() and nothing.shape == (2, 4)


@pytest.mark.parametrize('classes, out_channels', [(3, 3), (2, 1)])
def test_counts_of_an_image(classes, out_channels):
    head = dict(
        SINGLE['decode_head'], num_classes=classes,
        out_channels=out_channels, threshold=0.4, ignore_index=2)
    if out_channels == 1:
        head['loss_decode'] = dict(type='CrossEntropyLoss', use_sigmoid=True)
    torch.manual_seed(0)
    model = settle(build('SemiEncoderDecoder', backbone=SINGLE['backbone'],
                         decode_head=head))
    torch.nn.init.normal_(model.decode_head.conv_seg.weight)
    sample = dict(
        inputs=torch.randint(0, 256, (3, SIDE, SIDE), dtype=torch.uint8),
        data_samples=make_sample())
    truth = sample['data_samples'].gt_sem_seg.data[0]
    thresholds = torch.tensor([0., 0.6, 0.8])
    with torch.no_grad():
        counts = counts_of_image(model, copy.deepcopy(sample), thresholds)
        data = model.data_preprocessor(pseudo_collate([sample]), False)
        scores = model.encode_decode(data['inputs'],
                                     [dict(img_shape=(SIDE, SIDE))])[0]
    probability = scores.sigmoid() if out_channels == 1 else scores.softmax(0)
    if out_channels == 1:
        labels = (probability[0] > 0.4).long()
        confidence = torch.where(labels == 1, probability[0],
                                 1 - probability[0])
    else:
        confidence, labels = probability.max(0)
    known = truth != 2
    assert known.any() and not known.all()
    for index, threshold in enumerate(thresholds):
        passed = (confidence >= threshold) & known
        assert counts[:, index].tolist() == [
            (passed & (labels == truth)).sum(), passed.sum()
        ]


CURVE = GateCurve((0., 0.5, 0.8, 0.9, 0.95, 0.99),
                  (500, 450, 380, 190, 57, 4), (1000, 600, 400, 200, 60, 5))


@pytest.mark.parametrize('threshold, ratio, expected', [
    (0.8, 0.01, None),
    (0.95, 0.01, None),
    (0.5, 0.01, ['often wrong: the key=0.5', '60.0% of the pixels, 75.0% ri',
                 'fewer than 90% right', 'Raise it to 0.8: 40.0% .* 95.0%']),
    (0.99, 0.01, ['Few pixels.*the key=0.99', '0.5% of the pixels, 80.0% ',
                  'fewer than 1% of', 'Lower it to 0.95: 6.0% .* 95.0%']),
    (0.99, 0.3, ['fewer than 30% of', 'Lower it to 0.8: ']),
    # what lets enough pass is wrong too often
    (0.99, 0.5, ['No other threshold is better.*start later.*label more']),
    # what is right lets too little pass
    (0.5, 0.45, ['often wrong', 'No other threshold is better']),
])
def test_advice(threshold, ratio, expected):
    found = advice(CURVE, 'the key', threshold, 0.9, ratio)
    assert (found is None) == (expected is None)
    for pattern in expected or ():
        assert re.search(pattern, found), found


def test_advice_when_nothing_passes():
    curve = GateCurve((0., 0.95), (10, 0), (100, 0))
    text = advice(curve, 'key', 0.95, 0.9, 0.01)
    assert 'No other threshold is better' in text


class SureHook(Hook):
    """Hook with scores that differ, unlike those of an untrained network."""

    def before_train(self, runner):
        settle(runner.model).train()
        torch.nn.init.normal_(runner.model.decode_head.conv_seg.weight)


def divided(folder):
    """Config with held-out images, and the lines of the page."""
    page = (ROOT / 'docs/watching.md').read_text()
    lines, = re.findall(r'```python\n(part = .*?)```', page, re.S)
    path = folder / 'divided.py'
    path.write_text(f'_base_ = {str(UNIMATCH)!r}\n{lines}')
    config = Config.fromfile(path)
    hook = config.custom_hooks[-1]
    # tests add the hook themselves
    path.write_text(f'{path.read_text()}custom_hooks.pop()\n')
    return path, hook.dataset


@pytest.fixture(scope='module')
def trainings(data_dir, tmp_path_factory):
    """Each method with the hook and without: runner, steps, images, log."""
    folder = tmp_path_factory.mktemp('gate')
    options = {
        # it would hide what is drawn
        'default_hooks.randomness.type': 'DistSamplerSeedHook',
        'model.terms.pseudo.threshold': 0.5,
    }
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(data_dir)
        for name, (config, dataset) in dict(
                network=divided(folder),
                teacher=(FIXMATCH, held_out(FIXMATCH))).items():
            for watched in (True, False):
                work_dir = folder / f'{name}{watched}'
                hooks = [SureHook()]
                hooks += [gate(dataset=dataset, interval=1)] * watched
                runner, steps = train(work_dir, options, hooks, config)
                log, = work_dir.rglob('*.log')
                found[name, watched] = runner, steps, dataset, log
    return found


labelers = pytest.mark.parametrize('labeler', ['network', 'teacher'])


@pytest.mark.slow
@labelers
def test_training_has_the_same_bits(labeler, trainings):
    (runner, steps, *_), (plain, plain_steps, *_) = (
        trainings[labeler, watched] for watched in (True, False))
    assert steps == plain_steps
    for key, value in plain.model.state_dict().items():
        assert torch.equal(value, runner.model.state_dict()[key]), key
    modes = [
        [module.training for module in each.model.modules()]
        for each in (runner, plain)
    ]
    assert modes[0] == modes[1]


@pytest.mark.slow
@labelers
def test_log_is_that_of_the_last_weights(labeler, trainings, in_data_dir):
    """Labels come from the teacher if it labels, else from the network."""
    runner, steps, dataset, _ = trainings[labeler, True]
    scalars = runner.message_hub.log_scalars
    history = {
        key: scalars[f'train/gate_{key}_pseudo'].data[0]
        for key in ('precision', 'ratio')
    }
    assert all(len(values) == len(steps) for values in history.values())
    model = runner.model
    if labeler == 'teacher':
        model = model.teacher
    right = passed = total = 0
    model.eval()
    for sample in DATASETS.build(dataset):
        with torch.no_grad():
            found, = model.test_step(pseudo_collate([sample]))
        confidence, labels = found.seg_logits.data.softmax(0).max(0)
        truth = found.gt_sem_seg.data[0]
        known = truth != 255
        kept = known & (confidence >= 0.5)
        right += (kept & (labels == truth)).sum().item()
        passed += kept.sum().item()
        total += known.sum().item()
    assert 0 < passed < total
    assert history['precision'][-1] == pytest.approx(right / passed)
    assert history['ratio'][-1] == pytest.approx(passed / total)


@pytest.mark.slow
@labelers
def test_an_untrained_network_is_warned_of(labeler, trainings):
    *_, log = trainings[labeler, True]
    text = log.read_text()
    assert text.count('gate_precision_pseudo: 0.') == 4
    warned = [line for line in text.splitlines() if 'WARNING' in line]
    # once for each kind, not in the warm-up
    found = [line for line in warned if 'on held-out images' in line]
    assert 1 <= len(found) <= 2
    assert text.index('ends at iteration 1') < text.index(found[0])
    assert 'threshold of model.terms.pseudo=0.5 lets pass' in found[0]


@pytest.mark.slow
def test_images_that_are_held_out_are_not_trained_on(trainings):
    runner, *_ = trainings['network', True]
    assert len(runner.train_dataloader.dataset.datasets[0]) == 3


def counts_in_process(folder, rank):
    from mmengine.registry import init_default_scope

    import mmseg_dcc  # noqa: F401
    os.chdir(folder)
    init_default_scope('mmseg')
    return measured()


def measured():
    torch.manual_seed(0)
    cfg = Config.fromfile(UNIMATCH)
    model = MODELS.build(cfg.model)
    hook = gate(max_images=3)
    images = SimpleNamespace(
        dataset=DATASETS.build(cfg.train_dataloader.dataset.datasets[0]))
    hook.before_train(
        SimpleNamespace(model=model, train_dataloader=images, val_loop=None))
    curve = hook._measure(model, CANDIDATES)
    return len(hook._images), curve.right, curve.passed


@pytest.mark.slow
def test_two_processes_measure_what_one_does(in_data_dir, tmp_path):
    number, *expected = measured()
    assert number == 3 and expected[1][0] == 3 * 96 * 96
    ranks = run_processes(partial(counts_in_process, str(in_data_dir)),
                          tmp_path)
    assert [number for number, *_ in ranks] == [2, 1]
    for _, *found in ranks:
        assert found == expected


def test_thresholds_of_terms():
    terms = dict(
        dc=dict(type='DirectionalContrast'),
        all=dict(type='DirectionalContrast',
                 loss=dict(positive_filtering=False)),
        pseudo=dict(type='PseudoLabels', threshold=0.9),
        squared=dict(type='SquaredConsistency', confidence='pixel'),
        batch=dict(type='SquaredConsistency', confidence='batch'),
        cps=dict(type='CrossPseudo'))
    found = build('SemiEncoderDecoder', **SINGLE, terms=terms).terms
    assert {name: term.gate for name, term in found.items()} == dict(
        dc=('loss.confidence_threshold', 0.75), all=None,
        pseudo=('threshold', 0.9), squared=('threshold', 0.97), batch=None,
        cps=None)


def test_bad_images(in_data_dir):
    config = Config.fromfile(UNIMATCH)
    labeled = config.train_dataloader.dataset.datasets[0]
    pipeline = config.val_dataloader.dataset.pipeline
    runner = SimpleNamespace(
        model=MODELS.build(config.model), val_loop=None,
        train_dataloader=SimpleNamespace(dataset=DATASETS.build(labeled)))
    for dataset, message in (
        (None, 'no val_dataloader'),
        (dict(labeled, pipeline=pipeline),
         '4 of the 4 held-out.*labeled images of the training.*PartOfData'),
        (dict(held_out(UNIMATCH), pipeline=pipeline[::2]),
         'pipeline with LoadAnnotations')):
        with pytest.raises(ValueError, match=message):
            gate(dataset=dataset).before_train(runner)
    # those of the validation, which are labeled images here
    runner.val_loop = SimpleNamespace(dataloader=SimpleNamespace(
        dataset=DATASETS.build(config.val_dataloader.dataset)))
    with pytest.raises(ValueError, match='2 of the 2 held-out'):
        gate(dataset=None).before_train(runner)


def test_no_term_with_a_threshold():
    plain = build('SemiEncoderDecoder', **SINGLE)
    for model, error in ((plain, ValueError), (plain.backbone, TypeError)):
        with pytest.raises(error, match='a term that has a confidence'):
            gate().before_train(SimpleNamespace(model=model))


@pytest.mark.parametrize('name', ['interval', 'max_images'])
def test_bad_settings(name):
    with pytest.raises(ValueError, match='at least 1, got'):
        HOOKS.build({'type': 'PseudoLabelGateHook', name: 0})
