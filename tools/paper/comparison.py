"""Methods side by side: a table of gains, and pictures of predictions."""
import json
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Sequence

import numpy as np
from paper_runs import Run, Setup, work_dir_of
from paper_tables import (
    BEST_LEGEND,
    EQUAL_COST,
    Cell,
    best_scores_of,
    scores_of,
)

PREDICTIONS = Path(__file__).with_name('figures') / 'predictions.py'
NAMES = {
    'classmix': 'ClassMix',
    'cps': 'CPS',
    'dcc': 'DCC',
    'fixmatch': 'FixMatch',
    'mean_teacher': 'mean teacher',
    'unimatch_v2': 'UniMatch V2',
}
LABELS = {
    **NAMES,
    'supervised': 'supervised only',
    'control': 'control: DCC with lambda = 0',
    'oracle': 'supervised, all labels',
}


def comparison_table(prefix: str, methods: Sequence[str]) -> dict:
    """Table in the format of ``paper_tables.yaml``, one row per method.

    Args:
        prefix (str): Common beginning of the config paths; the config of a
            method is prefix + method + .py.
        methods (Sequence[str]): Names of the methods.

    Returns:
        dict: The table, whose first row is its baseline.
    """
    rows = [
        dict(
            cell=method,
            header=[label_of(method)],
            configs=[str(Path(f'{prefix}{method}.py').resolve())],
            baseline=index == 0) for index, method in enumerate(methods)
    ]
    return dict(
        title=f'{prefix}*',
        header=['method'],
        columns=['mIoU'],
        runs=1,
        lists_by_seed=False,
        gpus=0,
        rows=rows)


def label_of(name: str) -> str:
    """Row header of a method or of its control."""
    method = name[:-len('-control')] if name.endswith('-control') else None
    if method:
        return f'control: {label_of(method)} with all weights 0'
    return LABELS.get(name, name)


def summarise(cells: List[Cell], results: Dict[Run, dict]) -> dict:
    """Mean, spread and time of each method over its seeds.

    Args:
        cells (list[Cell]): Cells of the methods, each perhaps followed by its
            supervised training of equal cost.
        results (dict[Run, dict]): Results of the finished runs.

    Returns:
        dict[str, dict]: Summary by method name. ``minutes`` is None if no
        run was started by this tool. ``best`` is the mean of the best
        evaluations where they were looked up. ``equal_cost`` is the summary
        of the supervised training of equal cost, with its ``length``.
    """
    summary: Dict[str, dict] = {}
    for cell in cells:
        method = cell.name[:-len(EQUAL_COST)]
        if not cell.name.endswith(EQUAL_COST):
            found = _summary_of(cell, results)
            if found:
                summary[cell.name] = found
        elif cell.runs and method in summary:
            summary[method]['equal_cost'] = dict(
                _summary_of(cell, results), length=cell.runs[0].variant)
    return summary


def _summary_of(cell: Cell, results: Dict[Run, dict]) -> dict:
    scores, best = scores_of(cell, results), best_scores_of(cell, results)
    minutes = [
        results[run]['minutes'] for run in cell.runs
        if 'minutes' in results.get(run, {})
    ]
    if not scores:
        return {}
    return dict(
        runs=scores,
        mIoU=round(float(np.mean(scores)), 2),
        std=round(float(np.std(scores)), 2),
        minutes=round(float(np.mean(minutes)), 1) if minutes else None,
        **(dict(best=round(float(np.mean(best)), 2)) if best else {}))


def gains(summary: dict) -> str:
    """Markdown table of the summary, with the gain over the first method.

    Columns of best evaluations and of equal cost are added if there are any.
    """
    first = next(iter(summary))
    best, equal = (any(key in entry for entry in summary.values())
                   for key in ('best', 'equal_cost'))
    header = ['method', 'mIoU (%)', 'gain', 'runs', 'minutes a run']
    header += ['best'] * best
    header += ['supervised of equal cost', 'gain over that'] * equal
    lines = [header, ['---'] * len(header)]
    for method, entry in summary.items():
        miou = entry['mIoU']
        line = [
            label_of(method), f'{miou:.1f}',
            '' if method == first else f'{miou - summary[first]["mIoU"]:+.1f}',
            ', '.join(f'{run:.1f}' for run in entry['runs']),
            str(entry['minutes'] or '')
        ]
        if best:
            line.append(f'{entry["best"]:.1f}' if 'best' in entry else '')
        if equal:
            line += _equal_cost(entry)
        lines.append(line)
    table = '\n'.join(f'| {" | ".join(line)} |' for line in lines)
    table = table.replace(' --- ', '---')
    return table + (f'\n\n{BEST_LEGEND}' if best else '')


def _equal_cost(entry: dict) -> List[str]:
    other = entry.get('equal_cost', {})
    if 'mIoU' not in other:
        return [other.get('length', ''), '']
    return [
        f'{other["mIoU"]:.1f} ({other["length"]})',
        f'{entry["mIoU"] - other["mIoU"]:+.1f}'
    ]


def write_comparison(cells: List[Cell], results: Dict[Run, dict],
                     setup: Setup) -> None:
    """Prints and writes the table, draws predictions of the first seed.

    Args:
        cells (list[Cell]): Cells of the methods, controls and trainings of
            equal cost.
        results (dict[Run, dict]): Results of the finished runs.
        setup (Setup): Setup of all runs.

    Raises:
        SystemExit: If no run has finished.
    """
    summary = summarise(cells, results)
    if not summary:
        raise SystemExit(f'No training has ended in {setup.folder}.')
    # What took long to compute first: a picture is soon drawn again.
    path = setup.folder / 'results.json'
    path.write_text(json.dumps(summary, indent=2))
    (setup.folder / 'table.md').write_text(gains(summary) + '\n')
    print(f'\n{gains(summary)}\n\n{path}', flush=True)
    # several methods may have one cost; supervised trainings come first
    pictured = {}
    for cell in sorted(
            cells, key=lambda cell: not cell.name.endswith(EQUAL_COST)
            and cell is not cells[0]):
        if cell.runs and cell.runs[0] in results:
            label = NAMES.get(cell.name, cell.name)
            if label.endswith(EQUAL_COST):
                label = f'{cells[0].name}, {cell.runs[0].variant.split()[0]}'
            pictured.setdefault(cell.runs[0], label)
    subprocess.run([
        sys.executable, str(PREDICTIONS),
        *(str(work_dir_of(run, setup)) for run in pictured),
        '--labels', *pictured.values(), '--out',
        str(setup.folder / 'comparison.png')
    ], check=True)
