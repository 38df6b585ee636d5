"""Cost table: what unlabeled images gain at what cost, one line a training.

Supervised training comes first, then supervised training of the cost of each
method, then the other rows of the table in their order.
"""
import csv
import io
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from cost_picture import draw_costs
from costs import Cost, costs_of
from paper_runs import Run, Setup
from paper_tables import BEST_LEGEND, EQUAL_COST, Cell

HEADER = ('method', 'mIoU (%)', 'seeds', 'iterations',
          'cost (forward-backward passes of an image)', 'core-minutes',
          'minutes', 'gain over supervised',
          'gain over supervised of equal cost')
LEGEND = (
    'mIoU of the last checkpoint, mean ± standard deviation over the seeds; '
    'gains in points, over the seeds of both trainings (as many, if not all). '
    'Cost: images that go through a network and back; one that goes forward '
    'alone counts a third. Core-minutes: CPU time of a training with the '
    'workers of its data loader; minutes: its wall time; both a mean over the '
    'seeds, start and evaluation included.')


class Line(NamedTuple):
    """Training with all its seeds.

    Args:
        name (str): Name of its cell.
        label (str): Text of the first column.
        kind (str): ``supervised`` for the baseline and its longer trainings,
            ``all labels``, ``control`` or ``method``.
        cost (Cost): Cost of one seed.
        scores (dict[int, float]): mIoU (%) of the finished seeds.
        core_minutes (list[float]): CPU time of the seeds that were measured.
        minutes (list[float]): Wall time of the seeds that were measured.
        gains (list[float]): mIoU minus that of the baseline, for each seed
            that both have; empty for the baseline.
        equal_gains (list[float]): mIoU minus that of supervised training of
            equal cost, for each seed that both have; empty without one.
        best (list[float]): Highest evaluation of each seed, if looked up.
    """
    name: str
    label: str
    kind: str
    cost: Cost
    scores: Dict[int, float]
    core_minutes: List[float]
    minutes: List[float]
    gains: List[float]
    equal_gains: List[float]
    best: List[float]

    @property
    def mean(self) -> Optional[float]:
        return float(np.mean([*self.scores.values()])) if self.scores else None

    @property
    def std(self) -> Optional[float]:
        return float(np.std([*self.scores.values()])) if self.scores else None


def lines_of(table: dict, cells: Sequence[Cell], results: Dict[Run, dict],
             costs: Dict[str, Cost]) -> List[Line]:
    """Lines of a table.

    Args:
        table (dict): As in ``paper_tables.yaml``, with one column; the first
            row is the baseline.
        cells (Sequence[Cell]): All cells of the table, perhaps with those of
            equal cost.
        results (dict[Run, dict]): Results of the finished runs.
        costs (dict[str, Cost]): Cost by cell name.

    Returns:
        list[Line]: Lines in the order that the module docstring gives.
    """
    labels = [row['header'][0] for row in table['rows']]
    baseline, *others = [cell for cell in cells if cell.runs]
    equal = {
        cell.name[:-len(EQUAL_COST)]: cell
        for cell in others if cell.name.endswith(EQUAL_COST)
    }
    # several methods may have one cost
    longer: Dict[Tuple[Run, ...], List[Cell]] = {}
    for cell in equal.values():
        longer.setdefault(cell.runs, []).append(cell)

    def line(cell: Cell, label: str, kind: str) -> Line:
        gains = [] if cell is baseline else _gains(cell, baseline, results)
        other = equal.get(cell.name)
        return Line(cell.name, label, kind, costs[cell.name],
                    _by_seed(cell, results, 'mIoU'),
                    [*_by_seed(cell, results, 'core_minutes').values()],
                    [*_by_seed(cell, results, 'minutes').values()], gains,
                    _gains(cell, other, results) if other else [],
                    [*_by_seed(cell, results, 'best').values()])

    lines = [
        line(
            of_cost[0], f'{labels[baseline.row]}, cost of '
            f'{", ".join(labels[cell.row] for cell in of_cost)}',
            'supervised') for of_cost in longer.values()
    ]
    lines.sort(key=lambda line: line.cost.iterations)
    lines = [line(baseline, labels[baseline.row], 'supervised'), *lines]
    return lines + [
        line(cell, labels[cell.row], _kind(cell, table))
        for cell in others if not cell.name.endswith(EQUAL_COST)
    ]


def _kind(cell: Cell, table: dict) -> str:
    if table['rows'][cell.row].get('all_labels'):
        return 'all labels'
    return 'control' if cell.runs[0].variant == 'control' else 'method'


def _by_seed(cell: Cell, results: Dict[Run, dict],
             key: str) -> Dict[int, float]:
    found = {run.seed: results.get(run, {}).get(key) for run in cell.runs}
    return {seed: value for seed, value in found.items() if value is not None}


def _gains(cell: Cell, other: Cell, results: Dict[Run, dict]) -> List[float]:
    scores, less = (_by_seed(c, results, 'mIoU') for c in (cell, other))
    return [scores[seed] - less[seed] for seed in scores if seed in less]


def to_markdown(title: str, lines: Sequence[Line]) -> str:
    """Markdown table of the lines.

    Args:
        title (str): Title above the table.
        lines (Sequence[Line]): Result of :func:`lines_of`.

    Returns:
        str: Markdown, from title to legend.
    """
    best = any(line.best for line in lines)
    header = [*HEADER, *['best'] * best]
    rows = [header, ['---'] * len(header)]
    for line in lines:
        rows.append([
            line.label,
            _spread(line.scores.values(), '.1f'),
            ', '.join(map(str, line.scores)), f'{line.cost.iterations:,}',
            '' if line.cost.passes is None else f'{line.cost.passes:,}',
            _mean(line.core_minutes),
            _mean(line.minutes),
            _gain(line.gains, len(line.scores)),
            _gain(line.equal_gains, len(line.scores)),
            *[_mean(line.best)] * best
        ])
    body = '\n'.join(f'| {" | ".join(row)} |' for row in rows)
    legend = f'{LEGEND} {BEST_LEGEND}.' if best else LEGEND
    return f'**{title}**\n\n{body}\n\n{legend}\n'


def _mean(values: Sequence[float]) -> str:
    return f'{np.mean(values):.1f}' if values else ''


def _spread(values: Sequence[float], form: str) -> str:
    values = list(values)
    if not values:
        return ''
    spread = f' ± {np.std(values):.1f}' if len(values) > 1 else ''
    return f'{np.mean(values):{form}}{spread}'


def _gain(gains: Sequence[float], seeds: int) -> str:
    partly = f' ({len(gains)})' if 0 < len(gains) < seeds else ''
    return f'{_spread(gains, "+.1f")}{partly}'


def to_csv(lines: Sequence[Line]) -> str:
    """CSV table with all values of the lines; lists separated by spaces."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    writer.writerow([
        'cell', 'method', 'kind', 'mIoU', 'std', 'seeds', 'scores',
        'iterations', 'passes', 'core_minutes', 'minutes', 'gains',
        'gains_at_equal_cost', 'best'
    ])
    for line in lines:
        scores = [*line.scores.values()]
        writer.writerow([
            line.name, line.label, line.kind,
            *(round(value, 2) if scores else ''
              for value in (line.mean, line.std)),
            _words(line.scores),
            _words(scores), *line.cost,
            _words(line.core_minutes),
            _words(line.minutes),
            _words(f'{gain:.2f}' for gain in line.gains),
            _words(f'{gain:.2f}' for gain in line.equal_gains),
            _words(line.best)
        ])
    return out.getvalue()


def _words(values) -> str:
    return ' '.join(map(str, values))


def write_cost_table(number: int, table: dict, cells: Sequence[Cell],
                     results: Dict[Run, dict], setup: Setup) -> None:
    """Prints the table; writes it as Markdown, CSV and ``cost.png``.

    Args:
        number (int): Number of the table.
        table (dict): As in ``paper_tables.yaml``.
        cells (Sequence[Cell]): All cells of the table.
        results (dict[Run, dict]): Results of the finished runs.
        setup (Setup): Setup of all runs.
    """
    lines = lines_of(table, cells, results, costs_of(cells, setup))
    markdown = to_markdown(f'Table {number}. {table["title"]}', lines)
    path = setup.folder / f'table_{number}'
    path.with_suffix('.md').write_text(markdown)
    path.with_suffix('.csv').write_text(to_csv(lines))
    picture = Path(setup.folder, 'cost.png')
    draw_costs(table['title'], lines, picture)
    print(f'\n{markdown}\n{path}.md, {path}.csv, {picture}')
