"""Tests of pictures and the closing report of a training."""
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.structures import PixelData
from mmseg.registry import HOOKS
from mmseg.structures import SegDataSample
from PIL import Image

from mmseg_dcc.engine.hooks import TrainingPicturesHook, TrainingReportHook
from mmseg_dcc.utils.command_line import add_hooks
from tests import tiny_models
from tests.conftest import ROOT
from tests.tiny_training import run


class Listener(Hook):
    """Records the log and the times at which the pictures changed."""

    priority = 'LOWEST'

    def __init__(self):
        self.texts = []
        self.sheets = []

    def before_train(self, runner):
        def keep(record):
            self.texts.append(record.getMessage())
            return True
        for handler in MMLogger.get_current_instance().handlers[:1]:
            handler.addFilter(keep)

    def after_val_epoch(self, runner, metrics=None):
        folder = Path(runner.work_dir)
        self.sheets.append([
            (folder / name).is_file() and (folder / name).read_bytes()
            for name in ('curves.png', 'validation.png', 'confusion.png')])


def train_with_validations(work_dir, hooks):
    cfg = Config.fromfile(
        ROOT / 'configs/demo/deeplabv3plus_small_demo_supervised.py')
    cfg.merge_from_dict({
        'train_cfg.max_iters': 2,
        'train_cfg.val_interval': 1,
        'train_dataloader.batch_size': 2,
        'train_dataloader.num_workers': 0,
        'train_dataloader.dataset.datasets.0.pipeline.3.crop_size': (32, 32),
        'train_dataloader.batch_sampler.epoch_length': 2,
        'val_dataloader.num_workers': 0,
        'val_dataloader.persistent_workers': False,
        'default_hooks.logger.interval': 1,
        'default_hooks.checkpoint.interval': 1,
        'default_hooks.checkpoint.save_best': 'mIoU',
        # as after a rise of many iterations
        'param_scheduler': [],
    })
    # trains in milliseconds
    cfg.model = dict(
        type='EncoderDecoder',
        backbone=tiny_models.BACKBONE,
        decode_head=dict(tiny_models.ASPP_HEAD, num_classes=8),
        data_preprocessor=dict(
            type='SegDataPreProcessor', size=(32, 32), bgr_to_rgb=True),
        test_cfg=dict(mode='whole'))
    cfg.work_dir = cfg.experiment_name = cfg.visualizer.name = str(work_dir)
    return run(cfg, hooks)


@pytest.fixture(scope='module')
def trainings(data_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp('watched')
    listener = Listener()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(data_dir)
        hooks = [TrainingPicturesHook(), TrainingReportHook(), listener]
        watched = train_with_validations(folder / 'a', hooks)
        plain = train_with_validations(folder / 'b', [])
    return watched, plain, listener


def test_training_ends_with_the_same_bits(trainings):
    watched, plain, _ = trainings
    for (name, value), other in zip(watched.model.state_dict().items(),
                                    plain.model.state_dict().values()):
        assert torch.equal(value, other), name


def test_pictures_are_renewed_at_each_validation(trainings):
    watched, _, listener = trainings
    assert len(listener.sheets) == 2
    for picture, later in zip(*listener.sheets):
        assert picture and later and picture != later
    assert Image.open(f'{watched.work_dir}/validation.png').width == 978


def test_counts_agree_with_the_scores(trainings):
    watched, _, listener = trainings
    hook, = [hook for hook in watched.hooks
             if isinstance(hook, TrainingPicturesHook)]
    counts = hook._confusion.total()
    found = counts.diagonal()
    block, = [text for text in listener.texts if 'Training ended' in text]
    classes = watched.val_dataloader.dataset.metainfo['classes']
    for i, name in enumerate(classes):
        iou = float(re.search(rf'\| {name} +\| +([\d.]+|nan)', block)[1])
        union = counts[i].sum() + counts[:, i].sum() - found[i]
        assert iou == pytest.approx(100 * found[i] / union, abs=0.006)


def test_closing_block(trainings):
    watched, _, listener = trainings
    block, = [text for text in listener.texts if 'Training ended' in text]
    folder = watched.work_dir
    assert re.search(r'at iteration 2 of 2 after 0:0\d:\d\d', block)
    assert f'Last checkpoint: {folder}/iter_2.pth' in block
    best, score = re.search(r'Best checkpoint: (\S+) \(([\d.]+)\)',
                            block).groups()
    assert Path(best).is_file() and 'best_mIoU' in best
    # the table of the last validation, as mmseg has logged it
    logged = [text for text in listener.texts
              if re.search(r'\| +Class', text)][-1]
    for name in watched.val_dataloader.dataset.metainfo['classes']:
        iou = re.search(rf'\| +{name} +\| +([\d.]+|nan)', logged)[1]
        ours = re.search(rf'\| {name} +\| +([\d.]+|nan)', block)[1]
        assert (iou == ours == 'nan') or float(ours) == pytest.approx(
            float(iou), abs=0.01)
    for tool in ('test.py', 'predict.py'):
        config, checkpoint = re.search(
            rf'python tools/{tool} (\S+) (\S+)', block).groups()
        assert Path(config).is_file() and checkpoint == best
    # at the very end
    assert listener.texts[-1] == block


def test_finished_training_says_so(tmp_path):
    texts = []
    runner = SimpleNamespace(
        iter=4, max_iters=4, val_loop=None, work_dir=str(tmp_path),
        message_hub=SimpleNamespace(
            get_info=lambda key: None, runtime_info={}),
        logger=SimpleNamespace(info=texts.append))
    hook = TrainingReportHook()
    hook.before_train(runner)
    hook.after_train(runner)
    text, = texts
    assert ('was complete before, at iteration 4 of 4: nothing was '
            'trained') in text
    assert 'No checkpoint' in text


def test_one_process_reports_and_draws(tmp_path, monkeypatch):
    from mmseg_dcc.engine.hooks import (
        training_pictures_hook,
        training_report_hook,
    )
    for module in (training_report_hook, training_pictures_hook):
        monkeypatch.setattr(module, 'is_main_process', lambda: False)
    nameless = SimpleNamespace(dataset=SimpleNamespace(metainfo={}))
    runner = SimpleNamespace(iter=0, val_loop=None, work_dir=str(tmp_path),
                             val_dataloader=nameless)
    for hook in (TrainingReportHook(), TrainingPicturesHook()):
        hook.before_train(runner)
        hook.before_val_epoch(runner)
        hook.after_val_iter(runner, 0, {}, [object()])
        hook.after_val_epoch(runner, {})
        hook.after_train(runner)
    assert not [*tmp_path.iterdir()]


def test_a_picture_that_fails_ends_no_training(tmp_path, warnings_logged):
    hook = TrainingPicturesHook()
    runner = SimpleNamespace(work_dir=str(tmp_path), val_dataloader=[0],
                             model=torch.nn.Module(), iter=1)
    sample = SegDataSample(
        pred_sem_seg=PixelData(data=torch.zeros(1, 2, 2, dtype=torch.long)))
    hook.before_train(runner)
    for _ in range(2):
        hook.after_val_iter(runner, 0, dict(inputs=['?']), [sample])
        hook.after_val_epoch(runner, {})
    warning, = warnings_logged()
    assert 'without further pictures' in warning


def test_trainings_of_the_tools_have_both():
    cfg = Config(dict(custom_hooks=[dict(type='TrainingReportHook')]))
    add_hooks(cfg)
    kinds = [hook.type for hook in cfg.custom_hooks]
    assert kinds.count('mmseg.TrainingPicturesHook') == 1
    assert 'mmseg.TrainingReportHook' not in kinds
    assert HOOKS.get('mmseg.TrainingPicturesHook') is TrainingPicturesHook


def test_classifiers_have_neither():
    cfg = Config(dict(default_scope='mmpretrain',
                      model=dict(type='mmpretrain.ImageClassifier')))
    add_hooks(cfg)
    assert 'custom_hooks' not in cfg
