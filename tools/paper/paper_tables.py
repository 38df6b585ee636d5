"""Tables of the paper: their cells, and their output formats.

The values are in ``paper_tables.yaml``.
"""
import csv
import io
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from mmengine.fileio import load
from paper_runs import Run

TABLES = Path(__file__).with_name('paper_tables.yaml')
# ends the names of the cells that equal_cost.py adds
EQUAL_COST = '-equal-cost'
BEST_LEGEND = ('best: mean of the highest evaluation of each run, chosen on '
               'the tested images')


class Cell(NamedTuple):
    """Cell of a table.

    Args:
        table (int): Number of the table, or None.
        name (str): Name such as ``dlv3plus-r101-1/8-ours``, unique in a
            table.
        row (int): Index of the row.
        column (str): Name of the column.
        paper (float): mIoU (%) in the paper, or None.
        config (str): Path below ``configs/``; None for other methods.
        runs (tuple[Run]): Trainings whose mean is the value.
    """
    table: Optional[int]
    name: str
    row: int
    column: str
    paper: Optional[float]
    config: Optional[str]
    runs: Tuple[Run, ...]


def load_preset(name: str) -> dict:
    """Tables and labelings of a preset of the data file."""
    return load(str(TABLES))[name]


def cells_of(number: Optional[int], table: dict,
             seeds: Optional[Sequence[int]]) -> List[Cell]:
    """All cells of a table, row by row.

    Args:
        number (int): Number of the table.
        table (dict): As in the data file.
        seeds (Sequence[int], optional): Seeds of the trainings of a cell.
            None: 0, 1, ..., as many as the paper has.

    Returns:
        list[Cell]: The cells.
    """
    cells = []
    empty = [None] * len(table['columns'])
    for index, row in enumerate(table['rows']):
        by_seed = row.get('lists_by_seed', table['lists_by_seed'])
        for column, paper, config, variant in zip(
                map(str, table['columns']), row.get('paper', empty),
                row.get('configs', empty),
                row.get('variants', [()] * len(empty))):
            name = row['cell'].format(column=column.lower().replace(' ', '-'))
            runs = tuple(
                Run(config, seed, seed if by_seed else 0, table['gpus'],
                    *variant)
                for seed in (range(table['runs']) if seeds is None else
                             seeds)) if config else ()
            cells.append(Cell(number, name, index, column, paper, config,
                              runs))
    return cells


def scores_of(cell: Cell, results: Dict[Run, dict]) -> List[float]:
    """mIoU (%) of the finished runs of a cell, by seed."""
    return [results[run]['mIoU'] for run in cell.runs if run in results]


def format_cell(cell: Cell, results: Dict[Run, dict]) -> str:
    """Text of a cell: mean, spread, runs and the value of the paper.

    Args:
        cell (Cell): The cell.
        results (dict[Run, dict]): Results of the finished runs.

    Returns:
        str: Text such as ``72.1 ± 0.3 (3) [72.4]``, without the parts that
        do not exist; ``(2 of 3)`` if runs are missing.
    """
    scores = scores_of(cell, results)
    parts = []
    if scores:
        parts.append(f'{np.mean(scores):.1f}')
        if len(scores) > 1:
            parts.append(f'± {np.std(scores):.1f}')
        planned = f' of {len(cell.runs)}' * (len(scores) < len(cell.runs))
        parts.append(f'({len(scores)}{planned})')
    if cell.paper is not None:
        parts.append(f'[{cell.paper}]')
    if cell.runs and cell.runs[0].variant:
        parts.append(cell.runs[0].variant)
    return ' '.join(parts)


def best_scores_of(cell: Cell, results: Dict[Run, dict]) -> List[float]:
    """Highest mIoU (%) of each finished run, where it was looked up."""
    found = (results[run].get('best') for run in cell.runs if run in results)
    return [score for score in found if score is not None]


def to_markdown(number: int,
                table: dict,
                cells: List[Cell],
                results: Dict[Run, dict],
                best: bool = False) -> str:
    """Markdown table in the layout of the paper.

    Args:
        number (int): Number of the table.
        table (dict): As in the data file.
        cells (list[Cell]): All cells of the table.
        results (dict[Run, dict]): Results of the finished runs.
        best (bool): Whether each column is followed by one with the best
            evaluations. Defaults to False.

    Returns:
        str: Markdown, from title to legend.
    """
    header = [*table['header']]
    for cell in cells:
        if cell.row == 0:
            header += [cell.column, f'{cell.column}, best'][:1 + best]
    lines = [header, ['---'] * len(header)]
    for index, row in enumerate(table['rows']):
        line = [*row['header']]
        for cell in cells:
            if cell.row == index:
                scores = best_scores_of(cell, results)
                shown = f'{np.mean(scores):.1f}' if scores else ''
                line += [format_cell(cell, results), shown][:1 + best]
        lines.append(line)
    rows = '\n'.join(f'| {" | ".join(line)} |' for line in lines)
    paper = ' [paper]' * any(cell.paper is not None for cell in cells)
    length = ', length' * any(
        run.variant for cell in cells for run in cell.runs)
    legend = f'mIoU (%): mean ± standard deviation (runs){paper}{length}'
    return (f'**Table {number}. {table["title"]}**\n\n{rows}\n\n'
            f'{legend}{f"; {BEST_LEGEND}" if best else ""}\n')


def to_csv(table: dict,
           cells: List[Cell],
           results: Dict[Run, dict],
           best: bool = False) -> str:
    """CSV table in long form, one line per cell.

    Args:
        table (dict): As in the data file.
        cells (list[Cell]): All cells of the table.
        results (dict[Run, dict]): Results of the finished runs.
        best (bool): Whether there is a column ``best``. Defaults to False.

    Returns:
        str: CSV. Its column ``scores`` has the mIoU (%) of each run, its
        column ``best`` the highest evaluation of each run.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    writer.writerow([
        'table', 'cell', 'method', 'column', 'config', 'paper', 'mean', 'std',
        'runs', 'planned', 'scores', *['best'] * best
    ])
    for cell in cells:
        scores = scores_of(cell, results)
        mean, std = ((round(float(np.mean(scores)), 2),
                      round(float(np.std(scores)), 2)) if scores else
                     (None, None))
        writer.writerow([
            cell.table, cell.name, table['rows'][cell.row]['header'][0],
            cell.column, cell.config, cell.paper, mean, std,
            len(scores),
            len(cell.runs), ' '.join(map(str, scores)),
            *[' '.join(map(str, best_scores_of(cell, results)))] * best
        ])
    return out.getvalue()
