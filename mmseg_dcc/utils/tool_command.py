"""How the user types the command of a tool."""
import os.path as osp
import re
import shlex
import sys
from pathlib import Path
from typing import List


def runs_from_installation() -> bool:
    """Whether ``python -m mmseg_dcc`` or mim runs, not a tool of a clone."""
    return '.mim' in Path(sys.argv[0]).parts


def tool_command(name: str, folder: str = 'tools') -> List[str]:
    """Words that start a tool, as the user of this process types them.

    Args:
        name (str): Tool below ``tools/``, without suffix, such as
            ``'train'`` or ``'dataset_tools/make_splits'``.
        folder (str): Where the tools of a clone lie. Defaults to ``'tools'``,
            seen from the root of the clone.

    Returns:
        list[str]: ``python -m mmseg_dcc train`` or ``python tools/train.py``.
    """
    if runs_from_installation():
        return ['python', '-m', 'mmseg_dcc', osp.basename(name)]
    return ['python', osp.join(folder, f'{name}.py')]


def with_typed_commands(text: str) -> str:
    """Text in which ``python tools/NAME.py`` is what the user types.

    Args:
        text (str): A message for users of a clone. What serves the paper
            (``tools/paper``) is in no installation and left as it is.
    """
    return re.sub(r'python tools/((?:dataset_tools/)?\w+)\.py',
                  lambda match: shlex.join(tool_command(match[1])), text)
