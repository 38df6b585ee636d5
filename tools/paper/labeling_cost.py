"""What it costs to write pseudo masks, in steps of supervised training."""
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from paper_runs import Labeling, Setup

from mmseg_dcc.apis.pseudo_masks import labeling_config

MEASURED = 16  # images, of all
SUPERVISED_PASSES = 3  # forward and backward


def labeling_length(config: Config, labeling: Labeling,
                    setup: Setup) -> float:
    """Steps, or epochs, of supervised training that cost as much.

    Each view of an image (scales and flips of ``--tta``) goes forward, which
    is a third of a pass of a crop of the same area.

    Args:
        config (Config): Of the student, as it is trained.
        labeling (Labeling): Writes its masks.
        setup (Setup): Of all runs.

    Returns:
        float: In the unit of the student's training loop. 0, and a line that
        says so, where the images are not there.
    """
    options = setup.labelings[labeling.config].get('options', [])
    test = labeling_config(config, ['none'], 0.5, tta='--tta' in options)
    source = test.test_dataloader.dataset
    if not Path(source.get('data_root') or '', source.ann_file).is_file():
        print(f'# {source.ann_file} is not there: the cost of the masks of '
              f'{labeling.config} counts 0')
        return 0.
    init_default_scope(config.get('default_scope') or 'mmseg')
    dataset = DATASETS.build(source)
    chosen = np.linspace(0, len(dataset) - 1, min(len(dataset), MEASURED))
    areas = [_area(dataset[int(index)]['inputs']) for index in chosen]
    crop = np.prod(config.model.data_preprocessor.size)
    passes = len(dataset) * np.mean(areas) / crop / SUPERVISED_PASSES
    loader = config.train_dataloader
    ratio = loader.batch_sampler.source_ratio
    by_iteration = config.train_cfg.type == 'IterBasedTrainLoop'
    steps = passes / (loader.batch_size * ratio[0] / sum(ratio))
    return steps / (1 if by_iteration else loader.batch_sampler.epoch_length)


def _area(views) -> int:
    """Pixels of one image or of all its views."""
    views = views if isinstance(views, list) else [views]
    return sum(view.shape[-2] * view.shape[-1] for view in views)
