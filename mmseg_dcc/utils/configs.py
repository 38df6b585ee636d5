"""Config helpers of the tools: reading, data sets, types of components."""
from pathlib import Path
from typing import List, Optional

from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.hub import get_config
from mmengine.registry import Registry, init_default_scope
from mmengine.utils import is_installed
from mmseg.registry import DATASETS

from ..datasets import UnlabeledDataset
from ..datasets.part_of_dataset import part_of_dataset
from ..datasets.plain_datasets import plain_datasets
from .ineffective_options import ineffective_options
from .input_error import InputError


def read_config(path: str, options: Optional[dict] = None) -> Config:
    """Reads a config file and sets its default scope.

    Args:
        path (str): Config file, of strings or in pure Python, or one of an
            installed package: ``mmseg_dcc::dcc/NAME.py``.
        options (dict, optional): What ``--cfg-options`` overrides. Defaults
            to None.

    Returns:
        Config: The config.

    Raises:
        InputError: If an option would have no effect, or a package is not
            installed: the one that the config imports or belongs to.
    """
    try:
        cfg = (_config_of_package(path)
               if '::' in path else Config.fromfile(path))
    except ImportError as error:
        package = _missing_package(error)
        if package is None:
            raise
        raise InputError(
            f'{path}, or a config that it inherits from, imports {package}, '
            'which is not installed. Install it (pip install '
            f'{package}), or choose a network that does not need it; '
            'docs/backbones.md says which do. A module of your own '
            'must lie in a folder of PYTHONPATH.') from error
    unread = ineffective_options(cfg, options or {})
    if unread:
        raise InputError('--cfg-options ' + '\n'.join(unread))
    cfg.merge_from_dict(options or {})
    init_default_scope(cfg.get('default_scope') or 'mmseg')
    return cfg


def _config_of_package(path: str) -> Config:
    module = path.partition('::')[0]
    package = MODULE2PACKAGE.get(module, module)
    # mmengine would install whatever has this name
    if not is_installed(package):
        raise InputError(
            f'{path}: got the package {package}, which is not installed. '
            'Expected one that is, such as mmseg_dcc::dcc/NAME.py or '
            'mmseg::pspnet/NAME.py.')
    return get_config(path)


def _missing_package(error: BaseException) -> Optional[str]:
    """Package of a module that could not be imported, or None."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError) and error.name:
            return error.name.split('.')[0]
        error = error.__cause__ or error.__context__
    return None


def with_unformatted_text(cfg: Config) -> Config:
    """Copy of a config whose text mmengine writes without yapf.

    mmengine writes the text into the log, the work dir and each checkpoint.
    yapf takes a second or more each time; without it, the text has the same
    content, one item in a line.

    Args:
        cfg (Config): Config, which stays unchanged.

    Returns:
        Config: The copy; both share their content.
    """
    copied = cfg.copy()
    # an option of `Config`, which `Config.fromfile` loses where it merges
    # base files; attributes that are set otherwise belong to the content
    vars(copied)['_format_python_code'] = False
    return copied


def under_another_name(cfg: Config, prefix: str) -> Config:
    """Copy of a config that the runner dumps under another file name.

    The runner writes its config into the work dir. Under the original name it
    would replace the config of the training, which ``--resume`` needs.

    Args:
        cfg (Config): The config.
        prefix (str): Prefix of the new file name.
    """
    name = Path(cfg.filename)
    return Config(
        cfg.to_dict(),
        cfg_text=cfg.text,  # without it the file of the new name is read
        filename=str(name.with_name(f'{prefix}{name.name}')))


def is_kind(part: dict, kind: type, registry: Registry) -> bool:
    """Whether a config part builds a class or a subclass of it.

    Args:
        part (dict): Config with ``type``: a registered name, a path such as
            ``mmseg.datasets.LoadAnnotations``, or the class itself, as in
            configs in pure Python.
        kind (type): The class.
        registry (Registry): Registry of the names.

    Returns:
        bool: False also if the type is not registered.
    """
    found = part['type']
    if isinstance(found, str):
        found = registry.get(found)
    return isinstance(found, type) and issubclass(found, kind)


def last_head(model: dict) -> dict:
    """Config of the head that predicts: the only one, or a cascade's last.

    Args:
        model (dict): Config of a segmentor.

    Returns:
        dict: Config of the head.
    """
    head = model['decode_head']
    return head[-1] if isinstance(head, (list, tuple)) else head


def plain_configs(config: dict) -> List[dict]:
    """Configs of the data sets inside of wrappers, in their order.

    Args:
        config (dict): Config of a data set. ``PartOfDataset`` does not count
            as a wrapper: it builds a data set with fewer images.
    """
    if is_part_of_dataset(config):
        return [config]
    inner = config.get('datasets') or [config['dataset']] if (
        'datasets' in config or 'dataset' in config) else []
    return [plain for part in inner
            for plain in plain_configs(part)] if inner else [config]


def is_part_of_dataset(config: dict) -> bool:
    """Whether the config builds a part of another data set."""
    kind = config['type']
    found = DATASETS.get(kind) if isinstance(kind, str) else kind
    return found is part_of_dataset


def labeled_configs(cfg: Config) -> List[dict]:
    """Configs of the labeled data sets of a training, without wrappers."""
    return [
        dataset for dataset in plain_configs(cfg.train_dataloader.dataset)
        if not is_kind(dataset, UnlabeledDataset, DATASETS)
    ]


def unlabeled_configs(cfg: Config) -> List[dict]:
    """Configs of the unlabeled data sets of a training, without wrappers."""
    return [
        dataset for dataset in plain_datasets(cfg.train_dataloader.dataset)
        if is_kind(dataset, UnlabeledDataset, DATASETS)
    ]


def build_lazily(dataset: dict):
    """Builds a data set without scanning for its images yet."""
    return DATASETS.build(dict(dataset, lazy_init=True))
