"""Tests of ``mmseg_dcc/utils/ineffective_options.py``."""
import pytest
from mmengine.config import Config

from mmseg_dcc.utils.configs import read_config
from mmseg_dcc.utils.ineffective_options import ineffective_options, paths_of
from mmseg_dcc.utils.input_error import InputError
from tests.project_configs import CONFIGS

OWN = str(CONFIGS / 'custom/own_data.py')


def test_variable_of_the_file_is_refused_with_its_copies():
    with pytest.raises(InputError, match='max_iters: .max_iters. is a variab'):
        read_config(OWN, dict(max_iters=3))
    text, = ineffective_options(Config.fromfile(OWN), dict(max_iters=3))
    for copy in ('train_cfg.max_iters', 'param_scheduler.1.end',
                 'train_dataloader.batch_sampler.epoch_length'):
        assert copy in text


@pytest.mark.parametrize('option, message', [
    ('crop_size', 'model.data_preprocessor.size'),
    ('classes', 'metainfo.classes'),
    ('labeled_dataset.data_root', "'labeled_dataset' is a variable"),
    ('supervised_warmup.warmup_iters', "'supervised_warmup' is a variable"),
    ('mdoel.pretrained', "has no 'mdoel'.*spelling"),
])
def test_other_variables_and_misspelt_keys(option, message):
    with pytest.raises(InputError, match=message):
        read_config(OWN, {option: 1})


@pytest.mark.parametrize('options', [
    {},
    {'train_cfg.max_iters': 3},
    {'model.decode_head.num_classes': 5},
    {'randomness.seed': 1},
    {'custom_hooks.0.warmup_iters': 1},
    {'auto_scale_lr.enable': True},
    {'compile': True},
    {'load_from': 'a.pth', 'work_dir': 'b', 'resume': True},
    {'tta_pipeline.0.type': 'LoadImageFromFile'},
])
def test_what_is_read_passes(options):
    read_config(OWN, options)


def test_paths():
    part = dict(a=[dict(b=3)], c=3, d=3.0, e=True)
    assert [*paths_of(part, 3)] == ['a.0.b', 'c']
