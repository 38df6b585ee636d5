"""Cost of writing pseudo masks, in steps of supervised training."""
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
    """Length of supervised training that costs as much as a labeling.

    Each view of an image (scales and flips of ``--tta``) has a forward pass,
    which costs a third of a forward-backward pass of a crop of the same area.

    Args:
        config (Config): Config of the student, as it is trained.
        labeling (Labeling): Labeling that writes its masks.
        setup (Setup): Setup of all runs.

    Returns:
        float: Length in the unit of the student's training loop. 0, with a
        printed note, if the images are missing.
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
    """Number of pixels of one image or of all its views."""
    views = views if isinstance(views, list) else [views]
    return sum(view.shape[-2] * view.shape[-1] for view in views)
