"""Methods side by side: a table of gains, and pictures of predictions."""
import json
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Sequence

import numpy as np
from paper_runs import Run, Setup, work_dir_of
from paper_tables import Cell, scores_of

PREDICTIONS = Path(__file__).with_name('figures') / 'predictions.py'
LABELS = {
    'supervised': 'supervised only',
    'control': 'control: DCC with lambda = 0',
    'dcc': 'DCC',
    'oracle': 'supervised, all labels',
}


def comparison_table(prefix: str, methods: Sequence[str]) -> dict:
    """A table as those of ``paper_tables.yaml``, with a row a method.

    Args:
        prefix (str): The configs are prefix + method + .py.
        methods (Sequence[str]): Names of the methods.

    Returns:
        dict: The table.
    """
    return dict(
        title=f'{prefix}*',
        header=['method'],
        columns=['mIoU'],
        runs=1,
        lists_by_seed=False,
        gpus=0,
        rows=[
            dict(
                cell=method,
                header=[LABELS.get(method, method)],
                configs=[str(Path(f'{prefix}{method}.py').resolve())])
            for method in methods
        ])


def summarise(cells: List[Cell], results: Dict[Run, dict]) -> dict:
    """Mean, spread and time of each method over its seeds.

    Args:
        cells (list[Cell]): Of the methods.
        results (dict[Run, dict]): Of the runs that have ended.

    Returns:
        dict[str, dict]: By the name of the method; ``minutes`` is None if no
        run was started by this tool.
    """
    summary = {}
    for cell in cells:
        scores = scores_of(cell, results)
        minutes = [
            results[run]['minutes'] for run in cell.runs
            if 'minutes' in results.get(run, {})
        ]
        if scores:
            summary[cell.name] = dict(
                runs=scores,
                mIoU=round(float(np.mean(scores)), 2),
                std=round(float(np.std(scores)), 2),
                minutes=round(float(np.mean(minutes)), 1) if minutes else None)
    return summary


def gains(summary: dict) -> str:
    """The summary as a Markdown table, with the gain over the first."""
    first = next(iter(summary))
    lines = [
        '| method | mIoU (%) | gain | runs | minutes a run |',
        '|---|---|---|---|---|'
    ]
    for method, entry in summary.items():
        gain = ('' if method == first else
                f'{entry["mIoU"] - summary[first]["mIoU"]:+.1f}')
        runs = ', '.join(f'{run:.1f}' for run in entry['runs'])
        lines.append(f'| {LABELS.get(method, method)} | {entry["mIoU"]:.1f} | '
                     f'{gain} | {runs} | {entry["minutes"] or ""} |')
    return '\n'.join(lines)


def write_comparison(cells: List[Cell], results: Dict[Run, dict],
                     setup: Setup) -> None:
    """Prints and writes the table, draws predictions of the first seed.

    Args:
        cells (list[Cell]): Of the methods.
        results (dict[Run, dict]): Of the runs that have ended.
        setup (Setup): Of all runs.

    Raises:
        SystemExit: If no run has ended.
    """
    summary = summarise(cells, results)
    if not summary:
        raise SystemExit(f'No training has ended in {setup.folder}.')
    # What took long to compute first: a picture is soon drawn again.
    path = setup.folder / 'results.json'
    path.write_text(json.dumps(summary, indent=2))
    (setup.folder / 'table.md').write_text(gains(summary) + '\n')
    print(f'\n{gains(summary)}\n\n{path}', flush=True)
    pictured = [cell for cell in cells if cell.runs[0] in results]
    subprocess.run([
        sys.executable, str(PREDICTIONS),
        *(str(work_dir_of(cell.runs[0], setup)) for cell in pictured),
        '--labels', *(cell.name for cell in pictured), '--out',
        str(setup.folder / 'comparison.png')
    ], check=True)
