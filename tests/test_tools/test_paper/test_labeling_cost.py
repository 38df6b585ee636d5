"""Cost of pseudo masks, as supervised training."""
import numpy as np
import pytest
from labeling_cost import labeling_length
from paper_runs import Labeling, Setup
from PIL import Image

from tests.project_configs import load_config

NAME = 'ablation/deeplabv3plus_small_demo_self_training.py'


@pytest.fixture
def config(tmp_path):
    """Four images of 48 x 96 px."""
    config = load_config(NAME)
    source = config.train_dataloader.dataset.datasets[1]
    source.update(data_root=str(tmp_path), ann_file='1-8_seed0.txt')
    (tmp_path / 'JPEGImages').mkdir()
    for index in range(4):
        Image.fromarray(np.zeros((48, 96, 3), np.uint8)).save(
            tmp_path / f'JPEGImages/{index}.jpg')
    (tmp_path / '1-8_seed0.txt').write_text('0\n1\n2\n3')
    return config


def length(config, *options, data_list=0):
    setup = Setup(None, {NAME: dict(teacher='', options=[*options])})
    return labeling_length(config, Labeling(NAME, 0, data_list, 0), setup)


def test_a_third_of_a_pass_of_its_area(config):
    # a step has 8 labeled crops of 64 x 64 px
    expected = 4 * 48 * 96 / (64 * 64) / 3 / 8
    assert length(config) == pytest.approx(expected)
    # two flips at 0.75, 1 and 1.25 times the size
    scales = 2 * sum(ratio**2 for ratio in (0.75, 1, 1.25))
    assert length(config, '--tta') == pytest.approx(expected * scales)
    config.train_cfg.type = 'EpochBasedTrainLoop'
    config.train_dataloader.batch_sampler.epoch_length = 10
    assert length(config) == pytest.approx(expected / 10)


def test_images_that_are_not_there(config, capsys):
    source = config.train_dataloader.dataset.datasets[1]
    source.ann_file = 'gone.txt'
    assert length(config) == 0
    assert 'gone.txt is not there' in capsys.readouterr().out
