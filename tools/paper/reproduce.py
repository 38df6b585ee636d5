"""Makes the tables of the paper, or a table of methods side by side.

Runs the missing trainings and tabulates the results. It can be run again:
finished trainings are kept, interrupted ones are resumed. A training that
serves several cells or tables is made once. Without options all tables are
made; --collect tabulates the existing results only.

The presets ccp, msrc21 and camvid (its table 2) compare methods with
supervised training on photographs: mIoU, iterations, cost and core-minutes,
with a picture, cost.png. They are complete with --equal-cost --controls.
Table 1 of camvid is a small network without pretrained weights.

With --configs the methods are configs that share a prefix. The table has the
gain over the first of them, and predictions are drawn side by side.

The score of a training is always that of its last checkpoint. Options add fair
comparisons: --equal-cost adds beside each method supervised training with as
many passes through the network, --controls adds each method with all term
weights 0, --best adds the highest evaluation.

Examples:
    python tools/paper/reproduce.py --table 1 --cell dlv3plus-r101-1/8 --gpus 2
    python tools/paper/reproduce.py --table 3 4 --dry-run
    python tools/paper/reproduce.py --collect
    python tools/paper/reproduce.py --preset demo --table 1
    python tools/paper/reproduce.py --preset ccp --equal-cost --controls
    python tools/paper/reproduce.py --preset camvid --table 2 --seeds 0 \
        --cell supervised dcc
    python tools/paper/reproduce.py --configs \
        configs/camvid/deeplabv3plus_small_camvid_1-8_ \
        --methods supervised dcc --seeds 0 1 2 --work-dir work_dirs/camvid
    python tools/paper/reproduce.py --configs \
        configs/demo/deeplabv3plus_small_demo_ \
        --methods supervised dcc fixmatch cps --controls --equal-cost
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from comparison import comparison_table, write_comparison
from controls import with_controls
from cost_table import write_cost_table
from equal_cost import with_equal_cost
from paper_runs import (
    Run,
    Setup,
    Step,
    best_of,
    cache_key,
    commands_of,
    dependencies,
    join_words,
    make_job,
    python_name,
    result_of,
    tool_path,
)
from paper_tables import (
    EQUAL_COST,
    Cell,
    cells_of,
    load_preset,
    to_csv,
    to_markdown,
)
from trainings import Job, run_all


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--preset',
        choices=['paper', 'demo', 'ccp', 'msrc21', 'camvid'],
        default='paper',
        help='demo: the same tables on the demo data, at a size for CPUs; '
        'ccp, msrc21, camvid: methods on photographs, at what cost, on CPUs; '
        'table 1 of camvid: a small network from scratch')
    parser.add_argument(
        '--configs',
        metavar='PREFIX',
        help='compare methods instead: the configs are PREFIX + METHOD + .py')
    parser.add_argument(
        '--methods',
        nargs='+',
        default=['supervised', 'control', 'dcc'],
        help='with --configs (default: supervised control dcc)')
    parser.add_argument(
        '--table', nargs='+', type=int, help='numbers (default: all)')
    parser.add_argument(
        '--cell',
        nargs='+',
        help='train these alone: names of cells or their beginnings, such as '
        'dlv3plus-r101-1/8')
    parser.add_argument(
        '--seeds',
        nargs='+',
        type=int,
        help='of the trainings of a cell (default: 0, 1, ..., as many as the '
        'paper has; 0 with --configs)')
    parser.add_argument(
        '--gpus',
        type=int,
        help='of one training; 0: the CPU (default: those of the paper)')
    parser.add_argument(
        '--jobs',
        type=int,
        default=2,
        help='trainings at a time on the CPU, one thread each (default: 2)')
    parser.add_argument(
        '--iterations', type=int, help='instead of those of the config')
    parser.add_argument(
        '--work-dir',
        help='default: work_dirs/reproduce, work_dirs/compare with --configs')
    parser.add_argument(
        '--equal-cost',
        action='store_true',
        help='beside each method supervised training with as many passes: of '
        'the SupOnly row above it, of the first method with --configs')
    parser.add_argument(
        '--controls',
        action='store_true',
        help='after each method the same with the weights of all its terms 0')
    parser.add_argument(
        '--best',
        action='store_true',
        help='beside the score of the last checkpoint also the highest '
        'evaluation, which is chosen on the tested images')
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        '--dry-run', action='store_true', help='only print the commands')
    action.add_argument(
        '--collect', action='store_true', help='only make the tables')
    args = parser.parse_args(argv)
    for name, least in (('gpus', 0), ('jobs', 1)):
        value = getattr(args, name)
        if value is not None and value < least:
            parser.error(f'--{name}: got {value}, expected {least} or more')
    if args.configs and (args.table or args.cell):
        parser.error('--table and --cell choose from the tables of a preset, '
                     'which --configs replaces')
    return args


def choose_tables(preset: dict, numbers: Optional[List[int]]) -> dict:
    """Tables with these numbers; all tables if no number is given."""
    tables = preset['tables']
    unknown = sorted(set(numbers or ()) - set(tables))
    if unknown:
        raise SystemExit(f'--table: got {unknown}, expected some of '
                         f'{sorted(tables)}.')
    return {number: tables[number] for number in numbers or tables}


def choose_cells(cells: List[Cell], names: Optional[List[str]]) -> List[Cell]:
    """Cells that can be trained and match a name.

    Args:
        cells (list[Cell]): Cells of the chosen tables.
        names (list[str], optional): Names of cells, or their beginnings up
            to a hyphen. None: all cells.

    Returns:
        list[Cell]: Matching cells, in the order of ``cells``.

    Raises:
        SystemExit: If a name fits no cell that can be trained.
    """
    cells = [cell for cell in cells if cell.config]
    if names is None:
        return cells
    for name in names:
        if not any(_fits(cell, name) for cell in cells):
            raise SystemExit(
                f'--cell: got {name!r}, expected one of these or the '
                'beginning of some, up to a hyphen:\n  ' +
                '\n  '.join(cell.name for cell in cells))
    return [c for c in cells if any(_fits(c, name) for name in names)]


def _fits(cell: Cell, name: str) -> bool:
    return f'{cell.name}-'.startswith(f'{name}-')


def steps_of(cells: List[Cell], setup: Setup) -> List[Step]:
    """Steps of some cells without duplicates, each after its needs."""
    steps: Dict[Step, None] = {}

    def add(step: Step) -> None:
        if result_of(step, setup) is None:
            for needed in dependencies(step, setup):
                add(needed)
        steps[step] = None

    for cell in cells:
        for run in cell.runs:
            add(run)
    return list(steps)


def make_steps(steps: List[Step], setup: Setup, at_a_time: int) -> None:
    """Makes the steps that are not finished.

    Args:
        steps (list[Step]): Result of :func:`steps_of`.
        setup (Setup): Setup of all steps.
        at_a_time (int): Number of steps that run in parallel.
    """
    jobs: Dict[Step, Job] = {}
    for step in steps:
        if result_of(step, setup) is None:
            depends_on = [
                jobs[needed] for needed in dependencies(step, setup)
                if needed in jobs
            ]
            jobs[step] = make_job(step, setup, depends_on)
    runs = [step for step in steps if isinstance(step, Run)]
    done = sum(run not in jobs for run in runs)
    print(f'{len(runs)} trainings, {done} of them are done', flush=True)
    run_all(list(jobs.values()), at_a_time)


def to_script(steps: List[Step], cells: List[Cell], setup: Setup) -> str:
    """Shell commands of the steps that are not finished.

    Args:
        steps (list[Step]): Result of :func:`steps_of`.
        cells (list[Cell]): Cells, named above the commands that serve them.
        setup (Setup): Setup of all steps.

    Returns:
        str: Lines to paste into a shell.
    """
    lines = []
    for step in steps:
        served = [place_of(cell) for cell in cells if step in cell.runs]
        title = f'# {", ".join(cache_key(step, setup))}'
        if served:
            title += f' ({", ".join(served)})'
        result = result_of(step, setup)
        if not result:
            lines += [title, *commands_of(step, setup)]
        elif 'mIoU' in result:
            lines.append(f'{title}: done, mIoU {result["mIoU"]:.1f}')
        else:
            lines.append(f'{title}: done')
    return '\n'.join(lines)


def place_of(cell: Cell) -> str:
    """Place of a cell, such as ``Table 3 exp-VIII``; methods: the name."""
    return f'Table {cell.table} {cell.name}' if cell.table else cell.name


def missing_cells(cells: List[Cell], results: Dict[Run, dict],
                  options: List[str]) -> str:
    """Cells that lack a run, each with the command that makes it.

    Args:
        cells (list[Cell]): Cells to be made.
        results (dict[Run, dict]): Results of the finished runs.
        options (list[str]): Options of this tool, for the commands.

    Returns:
        str: Text with two lines per cell.
    """
    lines = []
    for cell in cells:
        seeds = [run.seed for run in cell.runs if run not in results]
        if seeds:
            command = join_words([
                python_name(),
                tool_path('tools/paper/reproduce.py'), '--table', cell.table,
                '--cell', cell.name, *options
            ])
            named = ', '.join(map(str, seeds))
            lines.append(f'  {cell.name}, seed {named}:\n    {command}')
    return '\n'.join([f'Missing: {len(lines)} of {len(cells)} cells', *lines])


def given_options(args: argparse.Namespace) -> List[str]:
    """Options of this tool that differ from their defaults."""
    defaults = parse_args([])
    words = []
    for name in ('preset', 'seeds', 'gpus', 'jobs', 'iterations', 'work_dir',
                 'equal_cost', 'controls', 'best'):
        value = getattr(args, name)
        if value != getattr(defaults, name):
            values = value if isinstance(value, list) else [value]
            words += [
                f'--{name.replace("_", "-")}',
                *(values if value is not True else [])
            ]
    return words


def write_tables(tables: dict,
                 cells: List[Cell],
                 results: Dict[Run, dict],
                 setup: Setup,
                 best: bool = False) -> None:
    """Prints the tables; writes them as Markdown and CSV."""
    for number, table in tables.items():
        of_table = [cell for cell in cells if cell.table == number]
        if table.get('costs'):
            write_cost_table(number, table, of_table, results, setup)
            continue
        markdown = to_markdown(number, table, of_table, results, best)
        path = setup.folder / f'table_{number}'
        path.with_suffix('.md').write_text(markdown)
        path.with_suffix('.csv').write_text(
            to_csv(table, of_table, results, best))
        print(f'\n{markdown}\n{path}.md, {path}.csv')


def main(argv: Optional[Sequence[str]] = None) -> None:
    args = parse_args(argv)
    if args.configs:
        folder = Path(args.work_dir or 'work_dirs/compare')
        labelings = {}
        tables = {None: comparison_table(args.configs, args.methods)}
    else:
        folder = Path(args.work_dir or 'work_dirs/reproduce') / args.preset
        preset = load_preset(args.preset)
        labelings = preset['labelings']
        tables = choose_tables(preset, args.table)
    if args.controls:
        tables = {
            number: with_controls(table)
            for number, table in tables.items()
        }
    setup = Setup(folder, labelings, args.gpus, args.iterations)
    cells = []
    for number, table in tables.items():
        of_table = cells_of(number, table, args.seeds)
        cells += (with_equal_cost(of_table, table, setup)
                  if args.equal_cost else of_table)
    if args.configs and args.equal_cost and not any(
            cell.name.endswith(EQUAL_COST) and cell.runs for cell in cells):
        raise SystemExit(
            '--equal-cost: no method has a supervised training to compare '
            f'with. The first of --methods is {args.methods[0]!r}, expected '
            'supervised training with as many labeled images a step as the '
            'others have labeled ones, and unlabeled ones.')
    chosen = choose_cells(cells, args.cell)
    # Methods: the baseline is the shortest, so that no job is left alone at
    # the end.
    steps = steps_of(
        chosen[1:] + chosen[:1] if args.configs else chosen, setup)
    if args.dry_run:
        print(to_script(steps, chosen, setup))
        return
    if not args.collect:
        on_cpu = all((step.gpus if args.gpus is None else args.gpus) == 0
                     for step in steps)
        make_steps(steps, setup, args.jobs if on_cpu else 1)
    every_run = {run for cell in cells for run in cell.runs}
    results = {run: result_of(run, setup) for run in every_run}
    results = {run: result for run, result in results.items() if result}
    if args.best:
        results = {
            run: dict(result, best=best_of(run, setup))
            for run, result in results.items()
        }
    setup.folder.mkdir(parents=True, exist_ok=True)
    if args.configs:
        write_comparison(cells, results, setup)
        return
    write_tables(tables, cells, results, setup, args.best)
    print('\n' + missing_cells(chosen, results, given_options(args)))


if __name__ == '__main__':
    main()
