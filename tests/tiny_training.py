"""Trainings of a few steps by the Runner on the tiny demo data."""
from types import SimpleNamespace
from unittest import mock

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmseg_dcc.engine.cpu_processes import run_on_cpu_if_needed
from mmseg_dcc.utils.configs import with_unformatted_text

from .conftest import ROOT

CONFIG = ROOT / 'configs/demo/deeplabv3plus_small_demo_dcc.py'
# Of the data set, but seen by the log alone.
MASKS = {
    'train_dataloader.dataset.datasets.1.data_prefix.seg_map_path':
    'SegmentationClassAug'
}
SMALL = {
    'train_cfg.max_iters': 4,
    'custom_hooks.0.warmup_iters': 1,
    'train_dataloader.batch_size': 4,
    'train_dataloader.batch_sampler.epoch_length': 4,
    'train_dataloader.num_workers': 0,
    'default_hooks.logger.interval': 1,
    'default_hooks.checkpoint': None,
    'val_cfg': None,
    'val_dataloader': None,
    'val_evaluator': None,
}


# An untrained network is not confident of anything.
SMALL_DCC = {
    'model.memory_bank.negatives_per_crop': 20,
    'model.loss_dc.confidence_threshold': 0.,
}


class StepRecorder(Hook):
    """Records the results of each step as numbers."""

    def __init__(self):
        self.steps = []

    def after_train_iter(self, runner, batch_idx, data_batch=None,
                         outputs=None):
        self.steps.append(
            {key: value.item() for key, value in outputs.items()})


def train(work_dir, options=None, hooks=(), config=CONFIG):
    """Trains in the working directory of the fixture ``in_data_dir``.

    Returns the runner and the results of each step.
    """
    cfg = Config.fromfile(str(config))
    of_model = SMALL_DCC if cfg.model.type == 'DCCSegmentor' else {}
    cfg.merge_from_dict({**SMALL, **of_model, **(options or {})})
    cfg.work_dir = str(work_dir)
    # Of each name mmengine keeps one for the whole process.
    cfg.experiment_name = cfg.visualizer.name = str(work_dir)
    recorder = StepRecorder()
    return run(cfg, (recorder, *hooks)), recorder.steps


def run(cfg, hooks=()):
    """Trains with a config; returns the runner."""
    run_on_cpu_if_needed(cfg)
    # One takes seconds and is for the reader of a log; the loop sleeps two
    # seconds before each epoch.
    with mock.patch('mmengine.runner.runner.collect_env', dict), mock.patch(
            'mmengine.runner.loops.time',
            SimpleNamespace(sleep=lambda seconds: None)):
        runner = Runner.from_cfg(with_unformatted_text(cfg))
        for hook in hooks:
            runner.register_hook(hook)
        try:
            runner.train()
        finally:
            # Its workers would wait for the garbage collector, 5 s each.
            vars(runner.train_loop).pop('dataloader_iterator', None)
    return runner
