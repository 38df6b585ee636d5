"""Writes what plain mmseg takes: the weights and the stock config.

Drops what training alone needs (projector, memory bank, optimizer, logs).
The two files load where mmseg_dcc is not installed.

Example:
    python tools/publish_model.py work_dirs/NAME/epoch_80.pth model.pth
    # model.pth and, beside it, model.py
"""
import argparse
import inspect
from pathlib import Path

import torch

import mmseg_dcc  # noqa: F401  isort: skip (before any mmseg import)
import mmseg.registry
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.datasets import BaseSegDataset
from mmseg.models import (
    CascadeEncoderDecoder,
    EncoderDecoder,
    SegDataPreProcessor,
)
from mmseg.registry import DATASETS, MODELS

from mmseg_dcc.compat import can_allow_classes
from mmseg_dcc.models import SemiEncoderDecoder

# What testing and inference read, beside the model and the data.
KEPT = ('default_scope', 'env_cfg', 'log_level', 'visualizer', 'tta_model',
        'tta_pipeline')
OURS = 'mmseg_dcc'


def stock_config(cfg: Config, dataset_meta: dict) -> Config:
    """Says in stock terms what a config says about inference.

    Args:
        cfg (Config): Of a training, with any segmentor of this package or of
            mmseg.
        dataset_meta (dict): Classes and palette.

    Returns:
        Config: The stock segmentor, preprocessor, test pipeline and test
        data. A data set that mmseg cannot read is left out: the pipeline and
        the classes remain, which is what inference needs.

    Raises:
        ValueError: If something of this package has no stock counterpart.
    """
    cfg = _without_scopes(cfg.to_dict())
    stock = {key: cfg[key] for key in KEPT if key in cfg}
    # of the hooks, the one that mmseg's test tool switches on to draw
    stock['default_hooks'] = {
        key: hook
        for key, hook in cfg.get('default_hooks', {}).items()
        if key == 'visualization'
    }
    imports = [
        name for name in cfg.get('custom_imports', {}).get('imports', [])
        if name.split('.')[0] != OURS
    ]
    if imports:
        stock['custom_imports'] = dict(cfg['custom_imports'], imports=imports)
    stock['model'] = stock_model(cfg['model'])

    loader = cfg['test_dataloader']
    dataset = loader['dataset']
    if _is_ours(DATASETS.get(dataset['type'])):
        loader = dict()
        dataset = dict(
            type=BaseSegDataset.__name__, pipeline=dataset['pipeline'])
    else:
        stock.update({key: cfg[key] for key in ('test_cfg', 'test_evaluator')})
    stock['test_dataloader'] = dict(
        loader, dataset=dict(dataset, metainfo=dataset_meta))
    # `inference_model` reads this one and has no annotations to load.
    stock['test_pipeline'] = [
        transform for transform in dataset['pipeline']
        if transform['type'] != 'LoadAnnotations'
    ]
    _check_is_stock(stock)
    return Config(stock)


def stock_weights(state_dict: dict, model: dict) -> dict:
    """Picks the weights of the stock model.

    Args:
        state_dict (dict[str, Tensor]): Of a training.
        model (dict): Config of the stock model.

    Returns:
        dict[str, Tensor]: Those that the stock model has, no more, no less.

    Raises:
        ValueError: If one is missing.
    """
    with torch.device('meta'):
        names = MODELS.build(model).state_dict()
    missing = [name for name in names if name not in state_dict]
    if missing:
        raise ValueError(
            f'The checkpoint lacks {len(missing)} weights of its own config, '
            f'the first: {missing[0]}. Publish a checkpoint as the training '
            'wrote it.')
    return {name: state_dict[name].cpu() for name in names}


def stock_model(model: dict) -> dict:
    """Says in stock terms what a model is for inference.

    Args:
        model (dict): Config of a segmentor of this package or of mmseg.

    Returns:
        dict: Config of the stock segmentor, which initializes no weights.
    """
    if issubclass(MODELS.get(model['type']), SemiEncoderDecoder):
        model = _as_stock(
            model, CascadeEncoderDecoder
            if model.get('num_stages') else EncoderDecoder)
    preprocessor = model.get('data_preprocessor')
    if preprocessor and _is_ours(MODELS.get(preprocessor['type'])):
        preprocessor = _as_stock(preprocessor, SegDataPreProcessor)
    return dict(
        model,
        data_preprocessor=preprocessor,
        # the checkpoint has all weights
        pretrained=None,
        backbone=dict(model['backbone'], init_cfg=None))


def _as_stock(part: dict, stock_class: type) -> dict:
    known = inspect.signature(stock_class).parameters
    return dict({key: part[key]
                 for key in part if key in known},
                type=stock_class.__name__)


def _is_ours(registered_class: type) -> bool:
    return registered_class.__module__.split('.')[0] == OURS


def _without_scopes(part):
    """Drops ``_scope_``: all that is kept is found in mmseg's."""
    if isinstance(part, dict):
        return {
            key: _without_scopes(value)
            for key, value in part.items()
            if (key, value) not in (('_scope_', 'mmseg'), ('_scope_', OURS))
        }
    if isinstance(part, (list, tuple)):
        return type(part)(_without_scopes(value) for value in part)
    return part


def _types(part):
    if isinstance(part, dict):
        yield part.get('type')
        part = part.values()
    if not isinstance(part, str) and hasattr(part, '__iter__'):
        for value in part:
            yield from _types(value)


def _check_is_stock(stock: dict) -> None:
    ours = {
        name
        for registry in mmseg.registry.__all__ for name, registered_class in
        getattr(mmseg.registry, registry).module_dict.items()
        if _is_ours(registered_class)
    }
    found = sorted(ours.intersection(filter(None, _types(stock))))
    if found:
        raise ValueError(
            f'{", ".join(found)} of {OURS} would be needed for inference. '
            'Replace it by what mmseg has, in test_dataloader.dataset.'
            'pipeline or tta_pipeline of the config.')


def publish(checkpoint: dict) -> tuple:
    """Turns a checkpoint of a training into what plain mmseg takes.

    Args:
        checkpoint (dict): As written by mmengine.

    Returns:
        tuple[dict, Config]: The checkpoint, with the classes and the config
        in its ``meta``, and the config.
    """
    meta = checkpoint.get('meta', {})
    if 'cfg' not in meta:
        raise ValueError(
            'The checkpoint has no config in its meta, so it was not written '
            'by a training of mmengine (or is published already).')
    cfg = Config.fromstring(meta['cfg'], '.py')
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    dataset_meta = dict(
        classes=list(meta['dataset_meta']['classes']),
        # drawn by mmseg, as an array, where the data set has none
        palette=[[int(value) for value in color]
                 for color in meta['dataset_meta']['palette']])
    config = stock_config(cfg, dataset_meta)
    published = dict(
        state_dict=stock_weights(checkpoint['state_dict'], config.model),
        meta=dict(
            dataset_meta=dataset_meta,
            cfg=config.pretty_text,
            **{
                key: meta[key]
                for key in ('mmseg_version', 'mmengine_version') if key in meta
            }))
    return published, config


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkpoint', help='checkpoint of a training')
    parser.add_argument(
        'out', type=Path, help='checkpoint to write; its config is written '
        'beside it, with the suffix .py')
    args = parser.parse_args()
    if args.out.suffix == '.py':
        parser.error('out is the checkpoint, such as model.pth')
    if not can_allow_classes():
        raise SystemExit(
            f'Publishing needs torch >= 2.6, but this is {torch.__version__}. '
            'It could read the checkpoint of a training only by running the '
            'code that such a file may hold. Publish where a newer torch is '
            'installed; the published files then load with this one.')
    checkpoint = torch.load(
        args.checkpoint, map_location='cpu', weights_only=True)
    published, config = publish(checkpoint)
    torch.save(published, args.out)
    config.dump(str(args.out.with_suffix('.py')))
    kept, total = len(published['state_dict']), len(checkpoint['state_dict'])
    print(f'{args.out}: {kept} weights; {total - kept} used in training alone '
          f'were dropped. Config: {args.out.with_suffix(".py")}')


if __name__ == '__main__':
    main()
