"""Detection of ``--cfg-options`` that have no effect."""
import inspect
from typing import Iterator, List

from mmengine.config import Config
from mmengine.runner import Runner

# top-level keys that are read beside the arguments of the runner
_READ = {
    'activation_checkpointing', 'auto_scale_lr', 'compile', 'custom_imports',
    'data_preprocessor', 'default_scope', 'efficient_conv_bn_eval', 'env_cfg',
    'resume', 'test_pipeline', 'tta_model', 'tta_pipeline', 'val_interval'
}


def ineffective_options(cfg: Config, options: dict) -> List[str]:
    """Messages on the options that change nothing but the dumped config.

    A config file is a program: ``train_cfg = dict(max_iters=max_iters)``
    copies the number when the file is read. Setting the variable
    ``max_iters`` afterwards does not change the copy.

    Args:
        cfg (Config): Config as read from the file, before the options.
        options (dict): Options of ``--cfg-options``.
    """
    read = _READ | set(inspect.signature(Runner.__init__).parameters)
    texts = []
    for option in options:
        root = option.split('.')[0]
        if root in read:
            continue
        if root not in cfg:
            texts.append(f'{option}: the config has no {root!r}, and nothing '
                         'reads it. Check the spelling.')
            continue
        copies = [
            path for path in paths_of(cfg.to_dict(), cfg[root])
            if path.split('.')[0] in read
        ] if option == root else []
        texts.append(
            f'{option}: {root!r} is a variable of the config file. Its value '
            'was copied when the file was read, so setting it now has no '
            'effect. ' +
            (f'The value is found in {", ".join(copies)}: override the keys '
             'that you mean, or c' if copies else 'C') +
            'opy the config and change the variable in the copy.')
    return texts


def paths_of(part, value, prefix: str = '') -> Iterator[str]:
    """Dotted keys under which a value is found.

    Args:
        part (dict | list): Part of a config.
        value (object): Value to look for.
        prefix (str): Prefix of the keys. Defaults to ''.
    """
    if isinstance(part, dict):
        items = part.items()
    elif isinstance(part, (list, tuple)):
        items = enumerate(part)
    else:
        return
    for key, inner in items:
        path = f'{prefix}{key}'
        if type(inner) is type(value) and inner == value:
            yield path
        yield from paths_of(inner, value, f'{path}.')
