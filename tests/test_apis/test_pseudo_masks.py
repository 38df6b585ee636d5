"""Masks of a network load as what the network said."""
import json
import math
import runpy
import sys

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from mmseg.registry import DATASETS, MODELS
from mmseg.structures import SegDataSample
from PIL import Image

from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / 'tools'))
tool = runpy.run_path(str(ROOT / 'tools/make_pseudo_masks.py'))
STUDENT = ROOT / 'configs/ablation/deeplabv3plus_small_demo_self_training.py'
DCC_STUDENT = ROOT / ('configs/beyond/deeplabv3plus_small_demo_self_training_'
                      'teacher_long.py')
TEACHER = ROOT / 'configs/demo/deeplabv3plus_small_demo_supervised.py'
FEW = ('train_cfg.max_iters=2', 'train_cfg.val_interval=2',
       'param_scheduler.1.end=100', 'train_dataloader.sampler.epoch_length=2')


def test_unsure_pixels_are_ignored():
    scores = torch.log(
        torch.tensor([[[.7, .4], [.1, .05]], [[.2, .35], [.1, .05]],
                      [[.1, .25], [.8, .9]]]))
    mask = tool['pseudo_mask'](scores, 0.5)
    assert mask.dtype == torch.uint8
    assert mask.tolist() == [[0, 255], [2, 2]]


def test_one_foreground_class():
    scores = torch.tensor([[[3., -3., 0.1]]])
    assert tool['pseudo_mask'](scores, 0.6).tolist() == [[1, 0, 255]]


@pytest.mark.parametrize('power', [0., 0.35, 1.])
def test_adjustment_divides_by_a_power_of_the_share(power):
    shares = torch.tensor([0.7, 0.2, 0.1])
    probabilities = torch.tensor([0.6, 0.3, 0.1])
    added = torch.tensor(tool['adjustments'](shares, power))
    expected = probabilities / shares**power
    torch.testing.assert_close((probabilities.log() + added).softmax(0),
                               expected / expected.sum())


def test_class_without_a_pixel_is_not_adjusted():
    added = tool['adjustments'](torch.tensor([0.9, 0., 0.1]), 0.5)
    assert added == pytest.approx(
        [-0.5 * math.log(0.9), 0., -0.5 * math.log(0.1)])


def test_adjusted_mask():
    scores = torch.tensor([[[2.]], [[1.]]])
    assert tool['pseudo_mask'](scores, 0.5, [0., 0.]).item() == 0
    assert tool['pseudo_mask'](scores, 0.5, [0., 2.]).item() == 1
    assert tool['pseudo_mask'](scores, 0.9, [0., 2.]).item() == 255
    foreground = torch.tensor([[[-1.]]])
    assert tool['pseudo_mask'](foreground, 0.5, [0., 2.]).item() == 1


def test_shares_are_those_of_the_labeled_masks(in_data_dir):
    cfg = Config.fromfile(STUDENT)
    source = cfg.labeled_dataset
    counts = np.zeros(21)
    folder = in_data_dir / source.data_root
    for name in (folder / source.ann_file).read_text().split():
        mask = np.array(Image.open(folder / f'SegmentationClass/{name}.png'))
        counts += np.bincount(mask[mask < 21], minlength=21)
    counts = counts[[0, 1, 3, 4, 5, 7, 15, 16]]  # their numbers in VOC
    shares = tool['class_shares']([source], 8)
    assert shares.tolist() == pytest.approx(counts / counts.sum())
    cfg = tool['labeling_config'](cfg, ['a.pth'], 0.5, adjustment_power=0.5)
    assert cfg.test_evaluator.adjustment == tool['adjustments'](shares, 0.5)


def test_shares_of_no_pixel_are_refused(in_data_dir):
    with pytest.raises(tool['InputError'], match='no pixel of any class'):
        tool['class_shares']([], 8)


def test_mean_of_the_probabilities_is_not_that_of_the_scores():
    views = torch.tensor([[[[9.]], [[0.]], [[-9.]]], [[[-1.]], [[1.]],
                                                      [[0.]]]])
    probabilities = [[math.exp(score) for score in view.flatten().tolist()]
                     for view in views]
    probabilities = [[value / sum(view) for value in view]
                     for view in probabilities]
    expected = [(a + b) / 2 for a, b in zip(*probabilities)]
    mean = tool['mean_scores'](views)
    assert mean.shape == (3, 1, 1)
    assert mean.softmax(0).flatten().tolist() == pytest.approx(expected)
    assert views.mean(0).softmax(0).flatten()[0] > 0.97 > expected[0]


def test_mean_of_one_foreground_class():
    views = [torch.tensor([[[4.]]]), torch.tensor([[[-1.]]])]
    expected = sum(1 / (1 + math.exp(-score)) for score in (4, -1)) / 2
    mean = tool['mean_scores'](views)
    assert mean.sigmoid().item() == pytest.approx(expected)


class Constant(BaseModel):
    """Predicts its weights for every image."""

    def __init__(self, scores, data_preprocessor=None):
        super().__init__(data_preprocessor)
        self.scores = torch.nn.Parameter(torch.tensor(scores).view(-1, 1, 1))

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


def test_views_are_averaged_per_image():
    model = tool['MeanScoresTTAModel'](Constant([0., 0.]))
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


@pytest.fixture
def checkpoints(tmp_path):
    MODELS.register_module(module=Constant, force=True)
    paths = [tmp_path / f'{name}.pth' for name in range(2)]
    for path, scores in zip(paths, ([4., 0.], [0., 1.])):
        weights = Constant(scores).state_dict()
        torch.save(dict(state_dict=dict(weights, unused=weights['scores'])),
                   path)
    yield list(map(str, paths))
    MODELS.module_dict.pop('Constant')


def test_teachers_are_averaged(checkpoints):
    network = dict(type='Constant', scores=[0., 0.])
    first, second = 1 / (1 + math.exp(-4)), 1 / (1 + math.exp(1))
    for names, expected in ((checkpoints, (first + second) / 2),
                            (checkpoints[:1], first)):
        samples = tool['Teachers'](network, names).test_step(
            dict(inputs=torch.zeros(2), data_samples=images('a', 'b')))
        assert [sample.seg_map_path for sample in samples] == ['a', 'b']
        for probabilities in probabilities_of(samples):
            assert probabilities[0] == pytest.approx(expected)


def test_weights_of_another_network_are_refused(checkpoints):
    network = dict(type='Constant', scores=[0., 0., 0.])
    with pytest.raises(tool['InputError'], match='scores and 0 more of its 1'):
        tool['Teachers'](network, checkpoints)


@pytest.mark.parametrize('tta', [False, True])
def test_no_mask_is_loaded(in_data_dir, tta):
    cfg = tool['labeling_config'](
        Config.fromfile(STUDENT), ['a.pth'], 0.5, tta)
    pipeline = cfg.test_dataloader.dataset.pipeline
    assert 'LoadAnnotations' not in str(pipeline)
    assert ('TestTimeAug' in str(pipeline)) == tta
    assert [] not in pipeline[-1].get('transforms', [])
    assert str(pipeline).count('PackSegInputs') == 1


def test_tta_without_a_pipeline_is_refused(in_data_dir):
    cfg = Config.fromfile(STUDENT)
    cfg.pop('tta_pipeline')
    with pytest.raises(tool['InputError'], match='needs a tta_pipeline'):
        tool['labeling_config'](cfg, ['a.pth'], 0.5, True)


@pytest.mark.parametrize('reduce_zero_label', [False, True])
@pytest.mark.parametrize('classes', [('sky', 'tree', 'road'),
                                     ('road', 'sky')])
def test_stored_masks_load_as_they_were(tmp_path, reduce_zero_label, classes):
    metainfo = dict(classes=classes)
    mask = torch.tensor([[0, 1, 255], [1, 0, 255]], dtype=torch.uint8)
    (tmp_path / 'image.jpg').touch()

    class Streets(DATASETS.get('BaseSegDataset')):
        METAINFO = dict(classes=('sky', 'tree', 'road'), palette=[[0] * 3] * 3)

    dataset = Streets(
        img_suffix='.jpg',
        data_prefix=dict(img_path=str(tmp_path), seg_map_path=str(tmp_path)),
        reduce_zero_label=reduce_zero_label,
        metainfo=metainfo,
        pipeline=[dict(type='LoadAnnotations')])
    writer = tool['PseudoMaskWriter'](0.)
    writer.dataset_meta = dataset.metainfo
    scores = torch.nn.functional.one_hot(
        mask.long() % 255, len(classes)).permute(2, 0, 1) * 9.
    scores[:, mask == 255] = 0.
    writer.confidence_threshold = 0.9
    info = dataset.get_data_info(0)
    writer.process({}, [
        dict(
            seg_logits=dict(data=scores), seg_map_path=info['seg_map_path'])
    ])
    assert np.array_equal(dataset[0]['gt_seg_map'], mask.numpy())
    assert writer.results == [pytest.approx(4 / 6)]


def test_masks_of_others_are_not_overwritten(tmp_path):
    (tmp_path / 'drawn_by_hand.png').touch()
    with pytest.raises(tool['InputError'], match='did not write'):
        tool['claim_folder'](tmp_path, {})
    tool['claim_folder'](tmp_path / 'new', dict(checkpoint='a'))
    tool['claim_folder'](tmp_path / 'new', dict(checkpoint='b'))
    marker = json.loads((tmp_path / 'new/pseudo_masks.json').read_text())
    assert marker == dict(checkpoint='b')


def test_student_may_learn_by_another_method(in_data_dir):
    cfg = Config.fromfile(DCC_STUDENT)
    cfg = tool['labeling_config'](cfg, ['a.pth'], 0.5)
    dataset = cfg.test_dataloader.dataset
    assert dataset.ann_file == cfg.unlabeled_dataset.ann_file
    assert dataset.data_prefix.seg_map_path == 'SegmentationClassPseudo'
    # no projector, whose weights a supervised teacher would lack
    assert cfg.model.network.type == 'EncoderDecoder'
    labeled = Config.fromfile(STUDENT).labeled_dataset
    cfg = tool['labeling_config'](
        Config.fromfile(DCC_STUDENT), ['a.pth'], 0.5, adjustment_power=0.5)
    assert cfg.test_evaluator.adjustment == tool['adjustments'](
        tool['class_shares']([labeled], 8), 0.5)


def test_config_without_images_to_label_is_refused(in_data_dir):
    with pytest.raises(tool['InputError'], match='(?s)1 data set.*student'):
        tool['labeling_config'](Config.fromfile(TEACHER), ['a.pth'], 0.5)


@pytest.mark.parametrize('student, options', [
    (STUDENT, []), (DCC_STUDENT, ['--tta', '--logit-adjustment', '0.35'])])
def test_teacher_labels_and_student_learns(run, tmp_path, student, options):
    masks = tmp_path / 'masks'
    folder = ('train_dataloader.dataset.datasets.1.data_prefix.'
              f'seg_map_path={masks}')
    run(sys.executable, ROOT / 'tools/train.py', TEACHER, '--work-dir',
        tmp_path / 'teacher', '--cfg-options', *FEW)
    out = run(sys.executable, ROOT / 'tools/make_pseudo_masks.py', student,
              tmp_path / 'teacher/iter_2.pth', '--work-dir',
              tmp_path / 'labeling', '--confidence-threshold', 0,
              *options, '--cfg-options', folder)
    assert 'labeled_pixels: 100' in out
    assert len(list(masks.glob('*.png'))) == 4
    origin = json.loads((masks / 'pseudo_masks.json').read_text())
    assert origin['checkpoints'] == [str(tmp_path / 'teacher/iter_2.pth')]
    assert origin['tta'] == ('--tta' in options)
    assert origin['logit_adjustment'] == (0.35 if options else 0)
    out = run(sys.executable, ROOT / 'tools/train.py', student, '--work-dir',
              tmp_path / 'student', '--cfg-options', *FEW, folder)
    assert 'mIoU' in out
