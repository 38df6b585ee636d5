"""Runs a tool of an installation: ``python -m mmseg_dcc NAME``.

Examples:
    python -m mmseg_dcc                      # the names
    python -m mmseg_dcc train --help
    python -m mmseg_dcc train mmseg_dcc::demo/deeplabv3plus_small_demo_dcc.py
    torchrun --nproc_per_node 2 -m mmseg_dcc train CONFIG --launcher pytorch
"""
import ast
import difflib
import runpy
import sys
from pathlib import Path
from typing import Dict

from .command_start import TOOLS


def installed_tools() -> Dict[str, Path]:
    """Files of the tools by the names that the command line takes."""
    return {
        path.stem: path
        for folder in (TOOLS, TOOLS / 'dataset_tools')
        for path in sorted(folder.glob('*.py')) if path.stem != 'quiet_start'
    }


def overview(tools: Dict[str, Path]) -> str:
    """Table of the names, each with the first line of its docstring."""
    width = max(map(len, tools))
    lines = [
        f'  {name:{width}}  '
        f'{ast.get_docstring(ast.parse(path.read_text())).splitlines()[0]}'
        for name, path in tools.items()
    ]
    return '\n'.join([
        'usage: python -m mmseg_dcc NAME [options]', '', *lines, '',
        'Options of one: python -m mmseg_dcc NAME --help. Where a page or a '
        'message names\ntools/NAME.py or tools/dataset_tools/NAME.py, this '
        'is the same tool.'
    ])


def main() -> None:
    """Runs the tool that the first argument names, with the others."""
    tools = installed_tools()
    name = sys.argv[1] if len(sys.argv) > 1 else '--help'
    if name in ('-h', '--help'):
        print(overview(tools))
        return
    if name not in tools:
        near = difflib.get_close_matches(name, tools, n=1)
        hint = f' Did you mean {near[0]}?' if near else ''
        raise SystemExit(
            f'Error: got the name {name!r}, of which there is no tool.{hint}'
            ' python -m mmseg_dcc lists them.')
    path = str(tools[name])
    sys.argv = [path, *sys.argv[2:]]
    if str(TOOLS) not in sys.path:
        sys.path.append(str(TOOLS))
    runpy.run_path(path, run_name='__main__')


if __name__ == '__main__':
    main()
