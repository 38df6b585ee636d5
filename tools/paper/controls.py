"""Controls with lambda = 0 as config options, without configs of their own."""
from typing import Dict, List, Optional

from mmengine.config import Config
from paper_runs import read_config


def control_options(config: Config) -> Dict[str, float]:
    """Config options that set the weight of every term to 0.

    Args:
        config (Config): Config of a training.

    Returns:
        dict[str, float]: Values by config key; empty for supervised
        training, which has no terms.

    Examples:
        >>> control_options(Config(dict(model=dict(
        ...     type='SemiEncoderDecoder', terms=dict(pseudo=dict(weight=1)))))
        ... )
        {'model.terms.pseudo.weight': 0.0}
    """
    model = config.model
    options = {
        f'model.terms.{name}.weight': 0.
        for name, term in (model.get('terms') or {}).items() if term
    }
    if _name(model.type) == 'DCCSegmentor' or 'loss_dc' in model:
        options['model.loss_dc.loss_weight'] = 0.
    return options


def is_control(config: Config) -> bool:
    """Whether a config has terms and all their weights are 0."""
    options = control_options(config)
    return bool(options) and all(
        _value(config, key) == 0 for key in options)


def with_controls(table: dict) -> dict:
    """Table in which each method is followed by its control.

    Args:
        table (dict): As in ``paper_tables.yaml``.

    Returns:
        dict: Table with one more row for each method whose weights are not
        all 0 already.
    """
    rows = []
    for row in table['rows']:
        rows += [row, *_control_row(row)]
    return dict(table, rows=rows)


def _control_row(row: dict) -> List[dict]:
    configs = row.get('configs', [])
    variants = [_control_variant(config) for config in configs]
    if not any(variants):
        return []
    first, *others = row['header']
    return [
        dict(
            row,
            cell=f'{row["cell"]}-control',
            header=[f'control: {first} with all weights 0', *others],
            baseline=False,
            paper=[None] * len(configs),
            configs=[
                config if variant else None
                for config, variant in zip(configs, variants)
            ],
            variants=variants)
    ]


def _control_variant(name: Optional[str]) -> tuple:
    if name is None:
        return ()
    config = read_config(name)
    options = control_options(config)
    if not options or is_control(config):
        return ()
    return 'control', tuple(options.items())


def _name(kind) -> str:
    return getattr(kind, '__name__', str(kind)).split('.')[-1]


def _value(part, key: str):
    for name in key.split('.'):
        part = part.get(name)
        if part is None:
            return None
    return part
