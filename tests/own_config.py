"""Copies of configs/custom/own_data.py, filled in as a user would."""
import re
from pathlib import Path

from .conftest import ROOT


def write_own_config(folder: Path, **settings) -> Path:
    """Copies the config and its fragments, with other values at its top."""
    text = (ROOT / 'configs/custom/own_data.py').read_text()
    for name, value in settings.items():
        text, count = re.subn(
            rf'^{name} = .*?(?=  #|$)',
            f'{name} = {value!r}'.replace('\\', r'\\'),
            text,
            flags=re.MULTILINE)
        assert count == 1, name
    path = folder / 'custom' / 'mine.py'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if not (folder / '_base_').exists():
        (folder / '_base_').symlink_to(ROOT / 'configs/_base_')
    return path


def exchange_network(path: Path, name: str) -> Path:
    """Sets another file of ``configs/_base_/models`` in such a copy."""
    text = path.read_text()
    own = 'models/segformer_efficientnet_lite0.py'
    assert text.count(own) == 1
    path.write_text(text.replace(own, f'models/{name}.py'))
    return path
