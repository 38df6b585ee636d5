"""Tests of ``mmseg_dcc/apis/schedule_length.py``."""
import pytest

from mmseg_dcc.apis.schedule_length import total_iterations, with_length
from mmseg_dcc.utils.input_error import InputError
from tests.project_configs import load_config

DEMO = 'demo/deeplabv3plus_small_demo_{}.py'


def test_all_of_a_schedule_in_iterations_follows():
    config = load_config(DEMO.format('dcc_fixmatch'))
    config.model.terms.dc.start_iters = 800
    assert total_iterations(config) == 1600
    short = with_length(config, 400)
    assert short.train_cfg.max_iters == short.train_cfg.val_interval == 400
    assert short.train_dataloader.batch_sampler.epoch_length == 400
    assert [(part.begin, part.end) for part in short.param_scheduler
            ] == [(0, 12), (12, 400)]
    assert short.custom_hooks[0].warmup_iters == 100
    assert short.model.terms.dc.start_iters == 200
    assert short.default_hooks.checkpoint.interval == 100
    # the one that was given stays
    assert config.train_cfg.max_iters == 1600
    assert config.param_scheduler[0].end == 50
    assert total_iterations(with_length(short, 1600)) == 1600


def test_ramps_and_counts_of_terms_follow():
    config = load_config(DEMO.format('cct'))
    whole = config.model.terms.cct.weight.iters
    short = with_length(config, total_iterations(config) // 4)
    assert short.model.terms.cct.weight.iters == round(whole / 4) > 1


def test_no_scheduler_without_an_iteration():
    config = load_config(DEMO.format('dcc'))
    config.param_scheduler[0].end = config.param_scheduler[1].begin = 1
    config.param_scheduler.insert(
        1, dict(config.param_scheduler[0], begin=1, end=2))
    short = with_length(config, 8)
    assert [(part.begin, part.end) for part in short.param_scheduler
            ] == [(0, 1), (1, 8)]


def test_epochs_become_shorter():
    config = load_config('dcc/pspnet_r50_voc_1-8.py')
    assert total_iterations(config) == 80 * 1157
    short = with_length(config, 8000)
    assert short.train_cfg.max_epochs == short.train_cfg.val_interval == 80
    assert short.train_dataloader.batch_sampler.epoch_length == 100
    assert short.param_scheduler == config.param_scheduler
    assert short.custom_hooks == config.custom_hooks
    assert short.default_hooks.checkpoint.interval == 20


def test_length_of_an_epoch_is_counted(in_data_dir):
    """One pass over the source that takes longest: 4 images, 2 per step."""
    config = load_config('dcc/pspnet_r50_voc_1-8.py')
    config.train_dataloader.batch_sampler.epoch_length = None
    config.train_dataloader.batch_size = 4
    assert total_iterations(config) == 80 * 3


@pytest.mark.parametrize('name, iterations, message', [
    (DEMO.format('dcc'), 3, 'got 3, expected 4 or more'),
    ('dcc/pspnet_r50_voc_1-8.py', 79, 'got 79, expected 80 .*one per epoch'),
])
def test_too_short(name, iterations, message):
    with pytest.raises(InputError, match=message):
        with_length(load_config(name), iterations)
