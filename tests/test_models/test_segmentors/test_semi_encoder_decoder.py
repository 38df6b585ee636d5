"""Tests of ``mmseg_dcc/models/segmentors/semi_encoder_decoder.py``."""
import copy

import pytest
import torch
from mmseg.registry import MODELS
from torch import nn

from mmseg_dcc.models.terms import SemiTerm
from tests.tiny_models import (
    CASCADE,
    FCN_HEAD,
    NUM_CLASSES,
    SIDE,
    SINGLE,
    batch,
    build,
    losses_of,
    without_dropout,
)

AUXILIARY = dict(SINGLE, auxiliary_head=FCN_HEAD)
STOCK_CLASSES = [(SINGLE, 'EncoderDecoder'), (AUXILIARY, 'EncoderDecoder'),
                 (CASCADE, 'CascadeEncoderDecoder')]
SUP_KEYS = [{'sup_decode.loss_ce', 'sup_decode.acc_seg'},
            {
                'sup_decode.loss_ce', 'sup_decode.acc_seg', 'sup_aux.loss_ce',
                'sup_aux.acc_seg'
            },
            {
                'sup_decode_0.loss_ce', 'sup_decode_0.acc_seg',
                'sup_decode_1.loss_ce', 'sup_decode_1.acc_seg'
            }]


@MODELS.register_module()
class MeanScore(SemiTerm):
    """Minimal term: its loss is the mean of the squared scores."""

    def bind(self, segmentor):
        self.scale = nn.Parameter(torch.ones(()))

    def loss(self, batch):
        scores = batch.view('a').scores
        return dict(
            loss=self.scale * scores.square().mean(),
            loss_own=self.scale.square(),
            images=torch.tensor(float(len(scores))))


@MODELS.register_module()
class LabeledMean(SemiTerm):
    """Term that reads features and scores of the stock loss."""

    needs_labeled = True

    def loss(self, batch):
        self.seen = batch.labeled
        return dict(
            loss=batch.labeled.features.mean() + batch.labeled.scores.mean())


def make(config=SINGLE, preprocessor='SemiSegDataPreProcessor', **terms):
    terms = {name: dict(settings) for name, settings in terms.items()}
    torch.manual_seed(0)
    return without_dropout(
        build(
            'SemiEncoderDecoder', preprocessor, **config,
            terms=terms or None).train())


def make_twins(config, stock_class):
    model = make(config)
    stock = build(stock_class, 'SegDataPreProcessor', **config)
    stock.load_state_dict(model.state_dict(), strict=True)
    return model, stock


MEAN = dict(type='MeanScore')


@pytest.mark.parametrize('config, keys',
                         zip([SINGLE, AUXILIARY, CASCADE], SUP_KEYS),
                         ids=['single', 'auxiliary', 'cascade'])
def test_losses_are_prefixed(config, keys):
    losses = losses_of(make(config, mean=MEAN))
    assert set(losses) == keys | {
        'unsup_loss_mean', 'unsup_loss_mean_own', 'unsup_images'
    }
    assert losses['unsup_images'] == 2


def test_total_is_the_sum_of_losses():
    model = make(AUXILIARY, mean=MEAN)
    losses = losses_of(model)
    total, _ = model.parse_losses(losses)
    expected = (
        losses['sup_decode.loss_ce'] + losses['sup_aux.loss_ce'] +
        losses['unsup_loss_mean'] + losses['unsup_loss_mean_own'])
    torch.testing.assert_close(total, expected)


def test_weights():
    """``weight`` applies to ``loss`` only, not to ``loss_*``."""
    data = batch()
    plain, weighted = make(mean=MEAN), make(mean=dict(MEAN, weight=0.25))
    weighted.sup_weight = 0.5
    first, second = (losses_of(model, data) for model in (plain, weighted))
    for key, factor in {
            'sup_decode.loss_ce': 0.5,
            'sup_decode.acc_seg': 1,
            'unsup_loss_mean': 0.25,
            'unsup_loss_mean_own': 1
    }.items():
        torch.testing.assert_close(second[key], factor * first[key])


def test_weight_that_grows():
    model = make(mean=dict(MEAN, weight=dict(peak=2., iters=4,
                                             shape='linear')))
    model.warmup_iters = 10
    data = batch()
    full = losses_of(make(mean=MEAN), data)['unsup_loss_mean']
    for iteration, weight in [(10, 0.), (11, 0.5), (14, 2.), (99, 2.)]:
        model.iteration = iteration
        found = losses_of(copy.deepcopy(model), data)['unsup_loss_mean']
        torch.testing.assert_close(found, weight * full)


def test_term_with_a_start_of_its_own():
    model = make(mean=MEAN, late=dict(MEAN, start_iters=7))
    for iteration, on in [(0, False), (6, False), (7, True)]:
        model.iteration = iteration
        losses = losses_of(model)
        assert losses['unsup_loss_mean'] > 0
        assert (losses['unsup_loss_late'] > 0) == on
        model.zero_grad()
        model.parse_losses(losses)[0].backward()
        # DDP waits for a gradient of each parameter
        assert all(p.grad is not None for p in model.parameters())


def test_terms_can_be_off():
    model = make(mean=MEAN)
    assert model.unsup_enabled is True
    model.unsup_enabled = False
    losses = losses_of(model)
    assert set(losses) == SUP_KEYS[0] | {'unsup_loss_mean'}
    assert losses['unsup_loss_mean'] == 0
    model.parse_losses(losses)[0].backward()
    assert model.terms['mean'].scale.grad == 0


@pytest.mark.parametrize('other', [0., 1.])
def test_weight_zero_touches_batch_statistics_alone(other):
    """Also with another term that needs the graph of the same view."""
    terms = dict(control=dict(MEAN, weight=0.), other=dict(MEAN, weight=other))
    model = make(**terms)
    plain = make(other=dict(MEAN, weight=other))
    data = batch()
    for single in (model, plain):
        single.parse_losses(losses_of(single, data))[0].backward()
    assert model.terms['control'].scale.grad == 0
    for (name, parameter), same in zip(model.backbone.named_parameters(),
                                       plain.backbone.parameters()):
        assert torch.equal(parameter.grad, same.grad), name
    for (name, buffer), same in zip(model.named_buffers(), plain.buffers()):
        assert torch.equal(buffer, same), name


def test_two_terms_share_the_pass_of_a_view():
    model = make(mean=MEAN, same=MEAN)
    losses = losses_of(model)
    assert model.backbone.bn1.num_batches_tracked == 2
    assert losses['unsup_loss_mean'] == losses['unsup_loss_same']


@MODELS.register_module()
class Careless(MeanScore):
    """Term that reads a view without gradient before other terms do."""

    def loss(self, batch):
        with torch.no_grad():
            batch.view('a').scores  # noqa: B018
        return super().loss(batch)


@pytest.mark.parametrize('first', [
    dict(type='Careless'),
    dict(
        type='PseudoLabels', label_view='a', train_views=('b', ),
        teacher=False),
])
def test_term_that_needs_no_gradient_takes_it_from_nobody(first):
    """In any order of the terms."""
    data = batch()
    gradients = []
    for terms in (dict(mean=MEAN), dict(first=first, mean=MEAN)):
        model = make(**terms).eval()
        losses_of(model, data)['unsup_loss_mean'].backward()
        gradients.append(model.backbone.conv1.weight.grad)
    assert gradients[0].any()
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize('config', [SINGLE, CASCADE])
def test_labeled_part_is_what_the_stock_loss_computed(config):
    model = make(config, labeled=dict(type='LabeledMean'))
    data = batch()
    losses = losses_of(model, data)
    # one view: results that no term reads are not computed
    assert model.backbone.bn1.num_batches_tracked == 1
    labeled = model.terms['labeled'].seen
    masks = torch.cat(
        [sample.gt_sem_seg.data for sample in data['data_samples'][:2]])
    assert torch.equal(labeled.masks, masks)
    assert labeled.scores.shape == (2, NUM_CLASSES, SIDE, SIDE)
    assert labeled.features.shape[1] == model.pixel_head.channels
    key = 'sup_decode.loss_ce' if config is SINGLE else 'sup_decode_1.loss_ce'
    torch.testing.assert_close(
        nn.functional.cross_entropy(labeled.scores, masks), losses[key])
    losses['unsup_loss_labeled'].backward()
    assert model.backbone.conv1.weight.grad.any()


def test_labeled_part_must_be_asked_for():
    model = make(labeled=dict(type='LabeledMean'))
    model.terms['labeled'].needs_labeled = False
    with pytest.raises(RuntimeError, match='needs_labeled = True'):
        losses_of(model)


def test_view_that_is_not_made():
    model = make(mean=MEAN)
    data = batch()
    for sample in data['data_samples'][2:]:
        views = sample.metainfo['views']
        sample.set_metainfo(dict(views=dict(weak=views['a'],
                                            strong=views['b'])))
    with pytest.raises(KeyError, match="'a'.*makes.*'weak', 'strong'"):
        losses_of(model, data)


def test_teacher_must_be_there():
    with pytest.raises(RuntimeError, match='MeanTeacherHook'):
        make().teacher  # noqa: B018


def test_teacher_is_no_part_of_the_model():
    model = make(mean=MEAN)
    names = list(model.state_dict())
    teacher = copy.deepcopy(model)
    teacher.terms = model.terms
    model.set_teacher(teacher)
    assert list(model.state_dict()) == names
    assert model.teacher is teacher and not teacher.backbone.training
    # shared with the student
    assert model.terms.training


def test_spared_images_after_the_warmup_are_refused():
    model = make(mean=MEAN)
    data = batch(pairs=0)
    with pytest.raises(RuntimeError, match='sampler still leaves'):
        losses_of(model, data)
    model.unsup_enabled = False
    assert losses_of(model, data)['unsup_loss_mean'] == 0


@pytest.mark.parametrize('config, stock_class', STOCK_CLASSES)
def test_supervised_losses_are_stock(config, stock_class):
    # Running statistics: earlier passes do not matter.
    model, stock = (one.eval() for one in make_twins(config, stock_class))
    data = model.data_preprocessor(batch(), training=True)
    losses = model(**data, mode='loss')
    expected = stock(data['inputs']['sup'], data['data_samples']['sup'],
                     'loss')
    assert {f'sup_{key}' for key in expected} == set(losses)
    for key, value in expected.items():
        assert torch.equal(losses[f'sup_{key}'], value)


@pytest.mark.parametrize('config, stock_class', STOCK_CLASSES)
def test_inference_is_stock(config, stock_class):
    model, stock = (one.eval() for one in make_twins(config, stock_class))
    images = torch.randn(2, 3, SIDE, SIDE)
    with torch.no_grad():
        assert torch.equal(model(images), stock(images))
        for got, expected in zip(
                model(images, mode='predict'), stock(images, mode='predict')):
            assert torch.equal(got.seg_logits.data, expected.seg_logits.data)
            assert torch.equal(got.pred_sem_seg.data,
                               expected.pred_sem_seg.data)


@pytest.mark.parametrize('config, stock_class', STOCK_CLASSES)
def test_weights_are_named_as_stock(config, stock_class):
    model, stock = make_twins(config, stock_class)
    assert list(model.state_dict()) == list(stock.state_dict())


@pytest.mark.parametrize('config', [SINGLE, CASCADE])
def test_preprocessor_knows_the_classes(config):
    preprocessor = make(config).data_preprocessor
    assert preprocessor.num_classes == NUM_CLASSES
    assert preprocessor.ignore_index == 255


@pytest.mark.slow
def test_nothing_is_compiled_anew_in_each_iteration():
    """Weights and iteration change without a recompilation."""
    graphs = []

    def backend(graph, inputs):
        graphs[-1].append(graph)
        return graph.forward

    torch._dynamo.reset()
    model = make(
        mean=dict(MEAN, weight=dict(peak=1., iters=20)),
        late=dict(MEAN, start_iters=2))
    model.forward = torch.compile(model.forward, backend=backend)
    for iteration in range(8):
        graphs.append([])
        model.iteration = iteration
        losses_of(model)
    assert graphs[0] and not any(graphs[3:])


def test_batch_that_is_not_split_names_the_setting():
    """Without the error no term would be trained."""
    model = make(preprocessor='SegDataPreProcessor', mean=MEAN)
    with pytest.raises(
            TypeError,
            match='SemiEncoderDecoder expects.*got Tensor.*SemiSegDataPre'):
        losses_of(model, batch(pairs=0))


@pytest.mark.parametrize('config, stock_class', STOCK_CLASSES)
def test_stock_batch_has_the_stock_losses(config, stock_class):
    _, stock = make_twins(config, stock_class)
    without_dropout(stock)
    model = make(config, mean=MEAN)
    model.load_state_dict(stock.state_dict(), strict=False)
    for trains in (False, True):
        data = stock.data_preprocessor(batch(pairs=0), training=True)
        for network in (model, stock):
            network.train(trains)
        losses = model(**data, mode='loss')
        expected = stock(**data, mode='loss')
        assert losses.keys() == expected.keys()
        for key, value in expected.items():
            assert torch.equal(losses[key], value)


@pytest.mark.parametrize('classes', [NUM_CLASSES - 1, NUM_CLASSES + 1])
def test_auxiliary_head_of_other_classes_is_refused(classes):
    """With fewer classes the loss would fail, with more it would train."""
    head = dict(FCN_HEAD, num_classes=classes)
    with pytest.raises(ValueError, match=f'FCNHead has num_classes={classes}'):
        make(dict(SINGLE, auxiliary_head=[FCN_HEAD, head]))


def test_auxiliary_head_that_learns_something_else_is_fine():
    head = dict(
        FCN_HEAD, type='STDCHead', num_classes=2, num_convs=1,
        boundary_threshold=0.1)
    make(dict(SINGLE, auxiliary_head=head))


def test_auxiliary_head_that_ignores_another_id(warnings_logged):
    make(dict(SINGLE, auxiliary_head=dict(FCN_HEAD, ignore_index=1)))
    assert 'FCNHead has ignore_index=1' in warnings_logged()[-1]


def test_networks_of_terms_are_initialised():
    """mmengine calls ``init_weights`` only in its own kinds of modules."""
    model = make(dc=dict(type='DirectionalContrast',
                         projector=dict(
                             init_cfg=dict(type='Constant', val=7.,
                                           layer='Conv2d'))))
    model.init_weights()
    weight = model.terms['dc'].projector.layers[0].weight
    assert (weight == 7).all()
