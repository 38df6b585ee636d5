"""Publishing of a training for plain mmseg: weights and stock config."""
import inspect
import io
from pathlib import Path

import mmseg.registry
import torch
from mmcv.transforms import LoadAnnotations
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.utils import get_object_from_string
from mmseg.datasets import BaseSegDataset
from mmseg.models import (
    CascadeEncoderDecoder,
    EncoderDecoder,
    SegDataPreProcessor,
)
from mmseg.registry import DATASETS, MODELS, TRANSFORMS

from ..models import SemiEncoderDecoder
from ..utils.atomic_file import written_atomically
from ..utils.configs import is_kind
from ..utils.weights_fit import not_finite

# keys that test and inference read, besides the model and the data
KEPT = ('env_cfg', 'log_level', 'visualizer', 'tta_model', 'tta_pipeline')
OURS = 'mmseg_dcc'
# Networks that mmseg does not have. Their published config imports this
# package, which is then needed for inference, too.
OUR_NETWORKS = ('DINOv2', 'DINOv2DPTHead')


def publish(checkpoint: dict) -> tuple:
    """Converts a checkpoint of a training to one for plain mmseg.

    Args:
        checkpoint (dict): Checkpoint written by mmengine.

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
    init_default_scope(cfg.get('default_scope') or 'mmseg')
    dataset_meta = dict(
        classes=list(meta['dataset_meta']['classes']),
        # mmseg generates one, as an array, if the data set has none
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


def write_published(published: dict, out: Path) -> None:
    """Writes checkpoint and config, both or neither.

    Args:
        published (dict): Checkpoint of :func:`publish`, with its config.
        out (Path): File of the checkpoint; the config gets the suffix
            ``.py``.

    Raises:
        OSError: If the disk is full. Existing files of these names are not
            changed then.
    """
    # torch.save raises no OSError with a number on a full disk
    content = io.BytesIO()
    torch.save(published, content)
    with written_atomically(out) as checkpoint_file, written_atomically(
            out.with_suffix('.py')) as config_file:
        checkpoint_file.write_bytes(content.getvalue())
        config_file.write_text(published['meta']['cfg'], encoding='utf-8')


def stock_config(cfg: Config, dataset_meta: dict) -> Config:
    """Config for inference with stock components only.

    Args:
        cfg (Config): Config of a training, with any segmentor of this package
            or of mmseg.
        dataset_meta (dict): Classes and palette.

    Returns:
        Config: The stock segmentor, preprocessor, test pipeline and test
        data. A data set that mmseg cannot read is left out; its pipeline and
        the classes, which inference needs, are kept.

    Raises:
        ValueError: If a component of this package has no stock counterpart.
    """
    cfg = _with_type_names(cfg.to_dict())
    stock = {key: cfg[key] for key in KEPT if key in cfg}
    # configs in pure Python may have none
    stock['default_scope'] = cfg.get('default_scope') or 'mmseg'
    # the only hook kept: mmseg's test tool enables it to draw
    stock['default_hooks'] = {
        key: hook
        for key, hook in cfg.get('default_hooks', {}).items()
        if key == 'visualization'
    }
    stock['model'] = stock_model(cfg['model'])
    imports = [
        name for name in cfg.get('custom_imports', {}).get('imports', [])
        if name.split('.')[0] != OURS
    ]
    if set(OUR_NETWORKS).intersection(_types(stock['model'])):
        imports.append(OURS)
    if imports:
        stock['custom_imports'] = dict(cfg['custom_imports'], imports=imports)

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
    # `inference_model` uses this one and has no annotations to load
    stock['test_pipeline'] = [
        transform for transform in dataset['pipeline']
        if not is_kind(transform, LoadAnnotations, TRANSFORMS)
    ]
    _check_is_stock(stock)
    return Config(stock)


def stock_weights(state_dict: dict, model: dict) -> dict:
    """Selects the weights of the stock model.

    Args:
        state_dict (dict[str, Tensor]): State dict of a training.
        model (dict): Config of the stock model.

    Returns:
        dict[str, Tensor]: Exactly the weights of the stock model.

    Raises:
        ValueError: If a weight is missing, NaN or infinite.
    """
    with torch.device('meta'):
        names = MODELS.build(model).state_dict()
    missing = [name for name in names if name not in state_dict]
    if missing:
        raise ValueError(
            f'The checkpoint lacks {len(missing)} weights of its own config, '
            f'the first: {missing[0]}. Publish a checkpoint as the training '
            'wrote it.')
    weights = {name: state_dict[name].cpu() for name in names}
    broken = not_finite(weights)
    if broken:
        raise ValueError(
            f'{len(broken)} of {len(names)} weights of the checkpoint are NaN '
            f'or infinite, the first: {broken[0]}. Publish an earlier '
            'checkpoint of the training.')
    return weights


def stock_model(model: dict) -> dict:
    """Config of a model for inference with stock components.

    Args:
        model (dict): Config of a segmentor of this package or of mmseg.

    Returns:
        dict: Config of the stock segmentor without initial weights.
    """
    model = stock_segmentor(model)
    return dict(
        model,
        # the checkpoint has all weights
        pretrained=None,
        backbone=dict(model['backbone'], init_cfg=None))


def stock_segmentor(model: dict) -> dict:
    """Config of a model without its terms, with stock components.

    Args:
        model (dict): Config of a segmentor of this package or of mmseg.

    Returns:
        dict: Config of the stock segmentor with the same initial weights.
    """
    model = _with_type_names(model)
    if is_kind(model, SemiEncoderDecoder, MODELS):
        model = _as_stock(
            model, CascadeEncoderDecoder
            if model.get('num_stages') else EncoderDecoder)
    preprocessor = model.get('data_preprocessor')
    if preprocessor and _is_ours(MODELS.get(preprocessor['type'])):
        preprocessor = _as_stock(preprocessor, SegDataPreProcessor)
    return dict(model, data_preprocessor=preprocessor)


def _as_stock(part: dict, stock_class: type) -> dict:
    known = inspect.signature(stock_class).parameters
    return dict({key: part[key]
                 for key in part if key in known},
                type=stock_class.__name__)


def _is_ours(registered_class: type) -> bool:
    return registered_class.__module__.split('.')[0] == OURS


def _with_type_names(part):
    """Replaces types by their names in mmseg's registries, drops ``_scope_``.

    In configs in pure Python types are classes, in their dumps they are paths
    such as ``mmseg.datasets.LoadAnnotations``.
    """
    if isinstance(part, dict):
        return {
            key: _name_of(value) if key == 'type' else _with_type_names(value)
            for key, value in part.items()
            if (key, value) not in (('_scope_', 'mmseg'), ('_scope_', OURS))
        }
    if isinstance(part, (list, tuple)):
        return type(part)(_with_type_names(value) for value in part)
    return part


def _name_of(kind):
    found = kind
    if isinstance(kind, str) and '.' in kind:
        found = get_object_from_string(kind)
    if not isinstance(found, type):
        return kind  # name, perhaps with the scope of another package
    if any(
            registry.get(found.__name__) is found
            for registry in _registries()):
        return found.__name__
    return f'{found.__module__}.{found.__qualname__}'


def _registries() -> list:
    return [
        getattr(mmseg.registry, name) for name in mmseg.registry.__all__
    ]


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
        for registry in _registries()
        for name, registered_class in registry.module_dict.items()
        if _is_ours(registered_class) and name not in OUR_NETWORKS
    }
    found = sorted(
        kind for kind in set(filter(None, _types(stock)))
        if kind in ours or kind.split('.')[0] == OURS)
    if found:
        raise ValueError(
            f'{", ".join(found)} of {OURS} would be needed for inference. '
            'Replace it by a component of mmseg, in test_dataloader.dataset.'
            'pipeline or tta_pipeline of the config.')
