"""Counts what a training step of a config puts through backbones.

Of each config that is named: the images that go through any backbone in a
step with all terms on, in units of one forward pass of its labeled images
(which are as many as its unlabeled ones). With a gradient (forward and
backward) a pass counts 3, so that supervised training has 3. Counted while a
step runs, of a small network in place of the config's own: what the terms
pass does not depend on it. Discriminators and extra decoders of the terms are
no backbones and count nothing.

Example:
    python tools/paper/benchmark/passes.py configs/demo/*_demo_*.py
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
import copy
import json
from typing import Dict, List

import mmseg_dcc  # noqa: F401  isort: skip  (before mmseg)
import torch
from compositions import (
    assemble_training,
    confident_network,
    counted_passes,
    windows_of,
)
from measure import print_table
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.utils import import_modules_from_strings
from mmseg.registry import MODELS, TRANSFORMS
from stand_ins import CONFIGS

from mmseg_dcc.datasets.transforms import MultiView
from mmseg_dcc.models.segmentors import SemiEncoderDecoder
from mmseg_dcc.utils.configs import is_kind, last_head, unlabeled_configs

# the stride is the coarsest at which a config compares positions
IMAGES, SIDE, STRIDE = 2, 160, 16


def passes_of(config: Config) -> List[int]:
    """Passes of a step of a config, with every term on.

    Args:
        config (Config): Of a training.

    Returns:
        list[int]: See :func:`counted_passes`; ``[3]`` for each data set
        without terms.

    Raises:
        ValueError: If a step does not take as many images of each data set.
    """
    ratio = config.train_dataloader.batch_sampler.source_ratio
    if set(ratio) != {1}:
        raise ValueError(
            f'{config.filename} has source_ratio={ratio}, expected 1 for each '
            'data set: passes are counted for as many images of each.')
    if not is_kind(config.model, SemiEncoderDecoder, MODELS):
        return [3] * len(ratio)
    dataset, = unlabeled_configs(config)
    views, = (step['views'] for step in dataset['pipeline']
              if is_kind(step, MultiView, TRANSFORMS))
    training = assemble_training(
        Config(
            dict(
                model=small_model(config.model),
                optim_wrapper=copy.deepcopy(config.optim_wrapper))),
        config.custom_hooks, IMAGES, SIDE, windows_of(views), STRIDE)
    with confident_network():
        passes = counted_passes(training, IMAGES)
    # data sets with masks besides the first
    return passes + [3] * (len(ratio) - 2)


def small_model(model: dict) -> dict:
    """A model with the network of the demo in place of its own.

    Args:
        model (dict): Config of a :class:`SemiEncoderDecoder`.
    """
    network = Config.fromfile(
        CONFIGS / '_base_/models/deeplabv3plus_small.py').model
    plain = dict(norm_cfg=dict(type='BN'))
    return dict(
        {
            key: copy.deepcopy(value)
            for key, value in model.items()
            if key not in ('neck', 'num_stages', 'init_cfg')
        },
        pretrained=None,
        data_preprocessor=dict(
            type='SemiSegDataPreProcessor', size=(SIDE, SIDE)),
        backbone=dict(network.backbone, **plain),
        decode_head=dict(
            network.decode_head,
            **plain,
            num_classes=last_head(model)['num_classes']),
        auxiliary_head=None)


def count(names: List[str]) -> Dict[str, List[int]]:
    """Passes of some configs, each kind of step counted once.

    Args:
        names (list[str]): Paths of the configs.

    Returns:
        dict[str, list[int]]: By the path.
    """
    known: Dict[str, List[int]] = {}
    counted = {}
    for name in names:
        config = Config.fromfile(name, import_custom_modules=False)
        # that of its network, which is not built, may be missing
        import_modules_from_strings(
            config.get('custom_imports', {}).get('imports', []),
            allow_failed_imports=True)
        init_default_scope(config.get('default_scope') or 'mmseg')
        key = repr([
            config.model if 'terms' not in config.model else
            {**config.model, 'backbone': 0, 'decode_head': 0},
            config.get('custom_hooks'),
            config.train_dataloader.batch_sampler
        ])
        if key not in known:
            known[key] = passes_of(config)
        counted[name] = known[key]
    return counted


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='+', help='of trainings')
    parser.add_argument('--json', help='also write the passes to this file')
    args = parser.parse_args()
    torch.set_num_threads(1)
    # not the learning rate of each parameter
    MMLogger.get_instance('passes', log_level='WARNING')
    counted = count(args.configs)
    print_table([{
        'config': name,
        'passes (B)': ' + '.join(map(str, passes)),
        'sum': sum(passes)
    } for name, passes in counted.items()])
    if args.json:
        with open(args.json, 'w') as file:
            json.dump(counted, file)


if __name__ == '__main__':
    main()
