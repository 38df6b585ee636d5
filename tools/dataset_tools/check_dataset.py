"""Checks all data of a config before a long training.

Reads every image and mask of the training, validation and test sets once.
Reports broken files (exit code 1), suspicious files (warnings), the share of
each class, and sizes that suit the data and this machine.

Examples:
    python tools/dataset_tools/check_dataset.py configs/custom/own_data.py
    python tools/dataset_tools/check_dataset.py CONFIG --json report.json \
        --processes 8
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import List, Optional, Sequence

from rich.console import Console
from rich.table import Table

from mmseg_dcc.apis.check_dataset import check_dataset
from mmseg_dcc.utils.atomic_file import written_atomically
from mmseg_dcc.utils.command_line import add_config_arguments, load_config

MAX_LISTED = 4
MAX_CLASSES = 25


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    parser.add_argument(
        '--json', type=Path, metavar='FILE', help='also write all results')
    parser.add_argument(
        '--processes',
        type=int,
        default=1,
        help='number of reading processes (default: 1)')
    return parser.parse_args(argv)


def show(config: str, found: dict) -> None:
    """Prints one screen with the results of :func:`check_dataset`."""
    console = Console(highlight=False, markup=False)
    table = Table(title=config)
    for column in ('data set', 'images', 'width', 'height', 'pair of crops',
                   'two different'):
        table.add_column(column, justify='left' if column == 'data set' else
                         'right')
    for row in found['datasets']:
        pairs = row['pairs']
        table.add_row(
            row['role'], str(row['images']),
            *('-'.join(dict.fromkeys(map(str, row[key])))
              for key in ('widths', 'heights')),
            *(f'{pairs[key]:.0%}' if pairs else ''
              for key in ('feasible', 'different')))
    console.print(table)
    _show_classes(console, found['classes'])
    for finding in sorted(found['findings'], key=lambda each: each['level']):
        items = finding['items']
        console.print(
            f'{finding["level"].upper()}: {finding["text"]}' +
            ':' * bool(items),
            style='red' if finding['level'] == 'problem' else 'yellow',
            soft_wrap=True)
        for item in items[:MAX_LISTED]:
            console.print(
                f'    {item["path"]}: {item["detail"]}', soft_wrap=True)
        if len(items) > MAX_LISTED:
            console.print(f'    and {len(items) - MAX_LISTED} more '
                          '(--json FILE lists all)')
    _show_proposal(console, found['proposal'])
    counts = Counter(finding['level'] for finding in found['findings'])
    console.print(f'{counts["problem"]} kinds of problems, '
                  f'{counts["warning"]} of warnings.')


def _show_classes(console: Console, shares: List[dict]) -> None:
    roles = [key for key in shares[0] if key != 'name'] if shares else []
    if not roles:
        return
    title, rows = None, shares
    if len(shares) > MAX_CLASSES:
        title = f'The {MAX_CLASSES} rarest of {len(shares)} classes'
        rows = sorted(shares, key=lambda row: row[roles[0]]['pixels'])
    table = Table(title=title)
    table.add_column('class')
    for role in roles:
        table.add_column(f'{role} pixels', justify='right')
        table.add_column('images', justify='right')
    for row in rows[:MAX_CLASSES]:
        table.add_row(
            row['name'],
            *(text for role in roles for text in (
                f'{row[role]["share"]:.2%}', str(row[role]['images']))))
    console.print(table)


def _show_proposal(console: Console, proposal: Optional[dict]) -> None:
    if not proposal:
        return
    console.print(f'Proposal for a first training on {proposal["machine"]}, '
                  'sizes as (width, height):')
    for name, reason in proposal['reasons'].items():
        console.print(f'    {name} = {proposal[name]}  # {reason}',
                      soft_wrap=True)


def main(argv: Optional[Sequence[str]] = None) -> None:
    args = parse_args(argv)
    found = check_dataset(load_config(args), args.processes)
    show(args.config, found)
    if args.json:
        with written_atomically(args.json) as temporary:
            temporary.write_text(
                json.dumps(dict(config=args.config, **found), indent=2))
    levels = [finding['level'] for finding in found['findings']]
    sys.exit(int('problem' in levels))


if __name__ == '__main__':
    main()
