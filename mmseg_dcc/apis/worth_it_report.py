"""Report on the gains of more labels and of unlabeled photographs."""
from typing import Dict, List, Optional, Sequence

import numpy as np
from prettytable import PrettyTable

from .worth_it import ALL, EQUAL_COST, HALF, METHOD

ROWS = {
    HALF: 'supervised, half of the labels',
    ALL: 'supervised, all labels',
    EQUAL_COST: 'supervised, all labels, as long as the method costs',
    METHOD: 'with the unlabeled photographs',
}
# effect of another seed in trainings of a few thousand iterations here
ONE_SEED = 2.  # mIoU
FEW_IMAGES = 50  # in a validation


def report(results: Dict[str, List[dict]], images: Dict[str, int],
           schedule_share: float) -> str:
    """Report: a table, two sentences and cautions.

    Args:
        results (dict[str, list[dict]]): Results by kind, one per seed; see
            :func:`worth_it.result_of`.
        images (dict[str, int]): Result of :func:`worth_it.images_of`.
        schedule_share (float): Iterations of the method as a share of those
            of its config.

    Returns:
        str: Text of several lines.
    """
    lines = [table(results, images), '']
    half, whole, equal, method = (
        [result['mIoU'] for result in results[kind]]
        for kind in (HALF, ALL, EQUAL_COST, METHOD))
    lines += [
        f'Labels: {images[ALL]} instead of {images[HALF]} labeled images '
        f'brought {_gain(half, whole)}.',
        f'Photographs: {images["unlabeled"]} unlabeled ones brought '
        f'{_gain(equal, method)}, compared with supervised training of equal '
        'cost.',
    ]
    return '\n'.join(lines + cautions(results, images, schedule_share))


def table(results: Dict[str, List[dict]], images: Dict[str, int]) -> str:
    """Table with one row for each kind of training."""
    shown = PrettyTable([
        'training', 'labeled', 'unlabeled', 'iterations', 'mIoU (%)', 'minutes'
    ])
    shown.align = 'r'
    shown.align['training'] = 'l'
    for kind, title in ROWS.items():
        scores = [result['mIoU'] for result in results[kind]]
        minutes = np.mean([result['minutes'] for result in results[kind]])
        spread = _spread(scores)
        shown.add_row([
            title, images[HALF if kind == HALF else ALL],
            images['unlabeled'] if kind == METHOD else 0,
            results[kind][0]['iterations'], f'{np.mean(scores):.1f}' +
            ('' if spread is None else f' +- {spread:.1f}'), f'{minutes:.1f}'
        ])
    return shown.get_string()


def cautions(results: Dict[str, List[dict]], images: Dict[str, int],
             schedule_share: float) -> List[str]:
    """Cautions on how much the numbers can be trusted."""
    lines = []
    if len(results[METHOD]) == 1:
        lines.append(
            f'One seed: differences below 1 to {ONE_SEED:.0f} points mean '
            'nothing; --seeds 3 shows the spread.')
    if images['validation'] < FEW_IMAGES:
        lines.append(
            f'Only {images["validation"]} validation images: a few of them '
            'decide, and others may show the opposite.')
    if schedule_share < 1:
        lines.append(
            f'A short schedule, {schedule_share:.0%} of that of the config: '
            'in a longer one all trainings improve, and differences change; '
            'set it with --iterations.')
    return lines


def _gain(before: Sequence[float], after: Sequence[float]) -> str:
    """Text such as ``+3.1 mIoU``, with a note if it is no difference."""
    gain = float(np.mean(after) - np.mean(before))
    spreads = [_spread(before), _spread(after)]
    if None in spreads:
        unclear = abs(gain) < ONE_SEED
        limit = f'less than the {ONE_SEED:.0f} that another seed may change'
    else:
        unclear = abs(gain) <= float(np.hypot(*spreads))
        limit = 'within the spread of the seeds'
    return f'{gain:+.1f} mIoU' + (f' ({limit}: no difference)' if unclear
                                  else '')


def _spread(scores: Sequence[float]) -> Optional[float]:
    """Standard deviation over the seeds; None for one seed."""
    return float(np.std(scores, ddof=1)) if len(scores) > 1 else None
