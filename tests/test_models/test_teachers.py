"""Tests of ``mmseg_dcc/models/teachers.py``."""
import math
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import ConfigDict
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_dcc.models import MeanScoresTTAModel, Teachers
from mmseg_dcc.models.teachers import adjusted, mean_scores
from mmseg_dcc.utils.input_error import InputError
from tests import tiny_models


def test_mean_of_the_probabilities_is_not_that_of_the_scores():
    views = torch.tensor([[[[9.]], [[0.]], [[-9.]]], [[[-1.]], [[1.]],
                                                      [[0.]]]])
    probabilities = [[math.exp(score) for score in view.flatten().tolist()]
                     for view in views]
    probabilities = [[value / sum(view) for value in view]
                     for view in probabilities]
    expected = [(a + b) / 2 for a, b in zip(*probabilities)]
    mean = mean_scores(views, sigmoid=False)
    assert mean.shape == (3, 1, 1)
    assert mean.softmax(0).flatten().tolist() == pytest.approx(expected)
    assert views.mean(0).softmax(0).flatten()[0] > 0.97 > expected[0]


@pytest.mark.parametrize('classes', [1, 3])
def test_mean_where_each_class_has_its_own_probability(classes):
    views = [torch.full((classes, 1, 1), 4.), torch.full((classes, 1, 1), -1.)]
    expected = sum(1 / (1 + math.exp(-score)) for score in (4, -1)) / 2
    mean = mean_scores(views, sigmoid=True)
    assert mean.sigmoid().flatten().tolist() == pytest.approx([expected] *
                                                              classes)


def test_adjusted_scores():
    scores = torch.tensor([[[2.]], [[1.]]])
    assert adjusted(scores, None) is scores
    assert adjusted(scores, [0., 2.]).flatten().tolist() == [2., 3.]
    # sigmoid(s) is softmax over (0, s)
    foreground = torch.tensor([[[-1.]]])
    both = torch.tensor([0. + 0.5, -1. + 2.])
    assert adjusted(foreground, [0.5, 2.]).sigmoid().item() == pytest.approx(
        both.softmax(0)[1].item())


class Constant(BaseModel):
    """Network whose prediction for every image is its weights."""

    def __init__(self, scores, data_preprocessor=None):
        super().__init__(data_preprocessor)
        self.scores = torch.nn.Parameter(torch.tensor(scores).view(-1, 1, 1))
        self.decode_head = SimpleNamespace(
            out_channels=len(scores), loss_decode=SimpleNamespace())

    def forward(self, inputs, data_samples=None, mode='tensor'):
        return [
            SegDataSample(
                seg_logits=PixelData(data=self.scores.detach()),
                metainfo=sample.metainfo) for sample in data_samples
        ]


def images(*names):
    return [SegDataSample(metainfo=dict(seg_map_path=name)) for name in names]


def probabilities_of(samples):
    return [
        sample.seg_logits.data.softmax(0).flatten().tolist()
        for sample in samples
    ]


@pytest.fixture
def constants(tmp_path):
    """Config and checkpoints of two networks."""
    MODELS.register_module(module=Constant, force=True)
    paths = [tmp_path / f'{name}.pth' for name in range(2)]
    for path, scores in zip(paths, ([4., 0.], [0., 1.])):
        weights = Constant(scores).state_dict()
        torch.save(dict(state_dict=dict(weights, unused=weights['scores'])),
                   path)
    yield dict(type='Constant', scores=[0., 0.]), list(map(str, paths))
    MODELS.module_dict.pop('Constant')


def test_views_are_averaged_per_image(constants):
    model = MeanScoresTTAModel(Teachers(constants[0], constants[1][:1]))
    views = [[
        Constant(scores)(None, images(name))[0] for scores in both
    ] for name, both in (('a.png', ([2., 0.], [0., 0.])),
                         ('b.png', ([0., 3.], [0., 1.])))]
    merged = model.merge_preds(views)
    assert [sample.seg_map_path for sample in merged] == ['a.png', 'b.png']
    of_first, of_second = probabilities_of(merged)
    first, second, third = (1 / (1 + math.exp(-score)) for score in (2, 3, 1))
    assert of_first[0] == pytest.approx((first + .5) / 2)
    assert of_second[1] == pytest.approx((second + third) / 2)
    for sample, label, confidence in zip(merged, (0, 1),
                                         (of_first[0], of_second[1])):
        assert sample.pred_sem_seg.data.tolist() == [[[label]]]
        assert sample.confidence.data.item() == pytest.approx(confidence)


def test_teachers_are_averaged(constants):
    network, checkpoints = constants
    first, second = 1 / (1 + math.exp(-4)), 1 / (1 + math.exp(1))
    for names, expected in ((checkpoints, (first + second) / 2),
                            (checkpoints[:1], first)):
        samples = Teachers(network, names).test_step(
            dict(inputs=torch.zeros(2), data_samples=images('a', 'b')))
        assert [sample.seg_map_path for sample in samples] == ['a', 'b']
        for probabilities in probabilities_of(samples):
            assert probabilities[0] == pytest.approx(expected)


def test_labels_are_those_of_the_adjusted_scores(constants):
    network, checkpoints = constants
    data = dict(inputs=torch.zeros(1), data_samples=images('a'))
    sample, = Teachers(network, checkpoints[:1], [0., 5.]).test_step(data)
    assert sample.pred_sem_seg.data.item() == 1
    assert sample.confidence.data.item() == pytest.approx(
        1 / (1 + math.exp(-1)))


def test_weights_of_another_network_are_refused(constants):
    with pytest.raises(InputError, match='1 of 1 weights.*scores'):
        Teachers(dict(type='Constant', scores=[0.] * 3), constants[1])


def with_head(network, **changes):
    heads = network['decode_head']
    heads = heads if isinstance(heads, list) else [heads]
    heads = [*heads[:-1], dict(heads[-1], **changes)]
    return dict(
        network,
        decode_head=heads if network.get('num_stages') else heads[0])


BINARY = dict(
    num_classes=2,
    out_channels=1,
    threshold=0.3,
    loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))


@torch.no_grad()
def spread_scores(model, image):
    """Shifts the scores so that all classes and both sides of 0.3 occur."""
    head = model.decode_head
    classifier = (head[-1] if hasattr(head, '__len__') else head).conv_seg
    classifier.weight *= 5.
    scores = model(image[None], mode='tensor')
    classifier.bias -= scores.mean((0, 2, 3)) + 0.8  # sigmoid(-0.8) = 0.31


@pytest.mark.parametrize('network, segmentor', [
    (tiny_models.SINGLE, 'EncoderDecoder'),
    (tiny_models.CASCADE, 'CascadeEncoderDecoder'),
    (with_head(
        tiny_models.SINGLE,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True)),
     'EncoderDecoder'),
    (with_head(tiny_models.SINGLE, **BINARY), 'EncoderDecoder'),
], ids=['softmax', 'cascade', 'sigmoid', 'binary'])
def test_one_teacher_labels_as_stock_inference_does(network, segmentor,
                                                    tmp_path):
    """A binary head uses its threshold and a single sigmoid."""
    torch.manual_seed(0)
    network = ConfigDict(
        network,
        type=segmentor,
        data_preprocessor=dict(type='SegDataPreProcessor'),
        test_cfg=dict(mode='whole'))
    model = tiny_models.settle(MODELS.build(network)).eval()
    image = torch.rand(3, 32, 32) * 4 - 2
    spread_scores(model, image)
    torch.save(model.state_dict(), tmp_path / 'a.pth')
    shapes = dict(img_shape=(32, 32), ori_shape=(32, 32))
    data = dict(
        inputs=[image],
        data_samples=[SegDataSample(metainfo=shapes)])
    expected, = model.test_step(data)
    found, = Teachers(network, [str(tmp_path / 'a.pth')]).eval().test_step(
        data)
    scores = model(image[None], mode='tensor')
    probabilities = F.interpolate(scores, (32, 32), mode='bilinear')[0]
    if 'use_sigmoid' not in str(network):
        probabilities = probabilities.softmax(0)
    else:
        probabilities = probabilities.sigmoid()
    if len(probabilities) == 1:
        assert ((probabilities > 0.3) & (probabilities < 0.5)).any()
        probabilities = torch.cat([1 - probabilities, probabilities])
    labels = expected.pred_sem_seg.data
    assert len(labels.unique()) > 1
    assert torch.equal(found.pred_sem_seg.data, labels)
    torch.testing.assert_close(found.confidence.data,
                               probabilities.gather(0, labels.long()))
