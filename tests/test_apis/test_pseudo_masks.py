"""Tests of the config that labels the images of a student."""
import json
import math
import sys

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmseg_dcc.apis.pseudo_masks import (
    adjustments,
    claim_folder,
    class_shares,
    labeling_config,
)
from mmseg_dcc.utils.input_error import InputError
from tests import tiny_models
from tests.conftest import ROOT

STUDENT = ROOT / 'configs/ablation/deeplabv3plus_small_demo_self_training.py'
DCC_STUDENT = ROOT / ('configs/beyond/deeplabv3plus_small_demo_self_training_'
                      'teacher_long.py')
TEACHER = ROOT / 'configs/demo/deeplabv3plus_small_demo_supervised.py'
FEW = ('train_cfg.max_iters=2', 'train_cfg.val_interval=2',
       'param_scheduler.1.end=100',
       'train_dataloader.batch_sampler.epoch_length=2')


@pytest.mark.parametrize('power', [0., 0.35, 1.])
def test_adjustment_divides_by_a_power_of_the_share(power):
    shares = torch.tensor([0.7, 0.2, 0.1])
    probabilities = torch.tensor([0.6, 0.3, 0.1])
    added = torch.tensor(adjustments(shares, power))
    expected = probabilities / shares**power
    torch.testing.assert_close((probabilities.log() + added).softmax(0),
                               expected / expected.sum())


def test_class_without_a_pixel_is_not_adjusted():
    added = adjustments(torch.tensor([0.9, 0., 0.1]), 0.5)
    assert added == pytest.approx(
        [-0.5 * math.log(0.9), 0., -0.5 * math.log(0.1)])


def test_shares_are_those_of_the_labeled_masks(in_data_dir):
    cfg = Config.fromfile(STUDENT)
    source = cfg.labeled_dataset
    counts = np.zeros(21)
    folder = in_data_dir / source.data_root
    for name in (folder / source.ann_file).read_text().split():
        mask = np.array(Image.open(folder / f'SegmentationClass/{name}.png'))
        counts += np.bincount(mask[mask < 21], minlength=21)
    counts = counts[[0, 1, 3, 4, 5, 7, 15, 16]]  # their numbers in VOC
    shares = class_shares([source], 8)
    assert shares.tolist() == pytest.approx(counts / counts.sum())
    cfg = labeling_config(cfg, ['a.pth'], 0.5, adjustment_power=0.5)
    assert cfg.model.adjustment == adjustments(shares, 0.5)
    # in the work dir of the student lies the config of its training
    assert cfg.filename.endswith(f'/labeling_{STUDENT.name}')


def test_shares_of_no_pixel_are_refused(in_data_dir):
    with pytest.raises(InputError, match='no pixel of any class'):
        class_shares([], 8)


@pytest.mark.parametrize('tta', [False, True])
def test_no_mask_is_loaded(in_data_dir, tta):
    cfg = labeling_config(
        Config.fromfile(STUDENT), ['a.pth'], 0.5, tta)
    pipeline = cfg.test_dataloader.dataset.pipeline
    assert 'LoadAnnotations' not in str(pipeline)
    assert ('TestTimeAug' in str(pipeline)) == tta
    assert [] not in pipeline[-1].get('transforms', [])
    assert str(pipeline).count('PackSegInputs') == 1


def test_tta_without_a_pipeline_is_refused(in_data_dir):
    cfg = Config.fromfile(STUDENT)
    cfg.pop('tta_pipeline')
    with pytest.raises(InputError, match='needs a tta_pipeline'):
        labeling_config(cfg, ['a.pth'], 0.5, True)


def test_masks_of_others_are_not_overwritten(tmp_path):
    (tmp_path / 'drawn_by_hand.png').touch()
    with pytest.raises(InputError, match='did not write'):
        claim_folder(tmp_path, {})
    claim_folder(tmp_path / 'new', dict(checkpoint='a'))
    claim_folder(tmp_path / 'new', dict(checkpoint='b'))
    marker = json.loads((tmp_path / 'new/pseudo_masks.json').read_text())
    assert marker == dict(checkpoint='b')


def test_student_may_learn_by_another_method(in_data_dir):
    cfg = Config.fromfile(DCC_STUDENT)
    cfg = labeling_config(cfg, ['a.pth'], 0.5)
    dataset = cfg.test_dataloader.dataset
    assert dataset.ann_file == cfg.unlabeled_dataset.ann_file
    assert dataset.data_prefix.seg_map_path == 'SegmentationClassPseudo'
    # no projector, whose weights a supervised teacher would lack
    assert cfg.model.network.type == 'EncoderDecoder'
    labeled = Config.fromfile(STUDENT).labeled_dataset
    cfg = labeling_config(
        Config.fromfile(DCC_STUDENT), ['a.pth'], 0.5, adjustment_power=0.5)
    assert cfg.model.adjustment == adjustments(
        class_shares([labeled], 8), 0.5)


def test_cascade(in_data_dir):
    """The last head of a list defines the number of classes."""
    cfg = Config.fromfile(STUDENT)
    cfg.model.update(tiny_models.CASCADE, type='CascadeEncoderDecoder')
    cfg.model.decode_head[-1].num_classes = 8
    labeled = cfg.labeled_dataset
    cfg = labeling_config(cfg, ['a.pth'], 0.5, adjustment_power=0.5)
    assert cfg.model.network.type == 'CascadeEncoderDecoder'
    assert cfg.model.adjustment == adjustments(class_shares([labeled], 8), 0.5)


def test_binary_head_may_have_one_class(in_data_dir):
    cfg = Config.fromfile(STUDENT)
    cfg.model.decode_head.num_classes = 1
    cfg = labeling_config(cfg, ['a.pth'], 0.5, adjustment_power=0.5)
    assert len(cfg.model.adjustment) == 2  # background and foreground


PURE_PYTHON = """
from mmcv.transforms import LoadImageFromFile, TestTimeAug
from mmseg.datasets import (BaseSegDataset, LoadAnnotations, PackSegInputs)
from mmseg.models import EncoderDecoder, FCNHead, ResNet, SegDataPreProcessor
from mmengine.dataset import ConcatDataset
from mmseg_dcc.datasets import UnlabeledDataset
from mmseg_dcc.models import SemiEncoderDecoder

default_scope = None
pipeline = [dict(type=LoadImageFromFile), dict(type=LoadAnnotations),
            dict(type=PackSegInputs)]
labeled = dict(
    type=BaseSegDataset, metainfo=dict(classes=('a', 'b')),
    data_prefix=dict(img_path='images', seg_map_path='masks'),
    pipeline=pipeline)
pseudo = dict(labeled, data_prefix=dict(img_path='more', seg_map_path='new'))
train_dataloader = dict(
    dataset=dict(
        type=ConcatDataset,
        datasets=[
            labeled, pseudo,
            dict(
                type=UnlabeledDataset,
                pipeline=[dict(type=LoadImageFromFile)])
        ]))
test_dataloader = dict(dataset=dict(labeled))
tta_pipeline = [
    dict(type=LoadImageFromFile),
    dict(type=TestTimeAug,
         transforms=[[dict(type=LoadAnnotations)], [dict(type=PackSegInputs)]])
]
model = dict(
    type=SemiEncoderDecoder, terms=dict(), data_preprocessor=dict(
        type=SegDataPreProcessor),
    backbone=dict(type=ResNet, depth=18), decode_head=dict(
        type=FCNHead, num_classes=2))
"""


@pytest.mark.parametrize('tta', [False, True])
def test_config_in_pure_python(tmp_path, tta):
    """Its types are classes, which differ from their names."""
    (tmp_path / 'student.py').write_text(PURE_PYTHON)
    cfg = labeling_config(
        Config.fromfile(tmp_path / 'student.py'), ['a.pth'], 0.5, tta)
    dataset = cfg.test_dataloader.dataset
    assert dataset.data_prefix.seg_map_path == 'new'
    assert 'LoadAnnotations' not in str(dataset.pipeline)
    assert str(dataset.pipeline).count('PackSegInputs') == 1
    network = (cfg.model.module if tta else cfg.model).network
    assert network.type == 'EncoderDecoder' and 'terms' not in network
    # as mmengine's runner writes it
    assert Config.fromstring(cfg.pretty_text, '.py').model == cfg.model


def test_config_without_images_to_label_is_refused(in_data_dir):
    with pytest.raises(InputError, match='(?s)1 data set.*student'):
        labeling_config(Config.fromfile(TEACHER), ['a.pth'], 0.5)


@pytest.fixture(scope='module')
def teacher(run, tmp_path_factory):
    """Checkpoint of a training of two iterations."""
    folder = tmp_path_factory.mktemp('teacher')
    run(sys.executable, ROOT / 'tools/train.py', TEACHER, '--work-dir', folder,
        '--cfg-options', *FEW)
    return folder / 'iter_2.pth'


@pytest.mark.slow
@pytest.mark.parametrize('student, options', [
    (STUDENT, []), (DCC_STUDENT, ['--tta', '--logit-adjustment', '0.35'])])
def test_teacher_labels_and_student_learns(run, teacher, tmp_path, student,
                                           options):
    masks = tmp_path / 'masks'
    folder = ('train_dataloader.dataset.datasets.1.data_prefix.'
              f'seg_map_path={masks}')
    out = run(sys.executable, ROOT / 'tools/make_pseudo_masks.py', student,
              teacher, '--work-dir', tmp_path / 'labeling',
              '--confidence-threshold', 0, *options, '--cfg-options', folder)
    assert 'labeled_pixels: 100' in out
    assert len(list(masks.glob('*.png'))) == 4
    origin = json.loads((masks / 'pseudo_masks.json').read_text())
    assert origin['checkpoints'] == [str(teacher)]
    assert origin['tta'] == ('--tta' in options)
    assert origin['logit_adjustment'] == (0.35 if options else 0)
    out = run(sys.executable, ROOT / 'tools/train.py', student, '--work-dir',
              tmp_path / 'student', '--cfg-options', *FEW, folder)
    assert 'mIoU' in out
