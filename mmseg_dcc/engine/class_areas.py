"""What mmseg's metric knows of each class but returns as a mean alone."""
from typing import List, NamedTuple, Optional, Sequence

import numpy as np
from mmseg.evaluation import IoUMetric
from prettytable import PrettyTable


class ClassScore(NamedTuple):
    """Scores of a class, in percent; NaN where there is no pixel.

    Args:
        name (str): Of the class.
        iou (float): Intersection over union.
        accuracy (float): Share of its pixels that are found.
    """
    name: str
    iou: float
    accuracy: float


class ClassAreas:
    """Areas that a metric summed up in its last evaluation.

    Args:
        metric (IoUMetric): Whose evaluations are listened to; what it
            returns stays the same.
    """

    def __init__(self, metric: IoUMetric) -> None:
        self._metric = metric
        self._areas: Optional[list] = None
        compute = metric.compute_metrics

        def compute_and_keep(results: list) -> dict:
            # of all processes, without what fills up the last batch
            self._areas = [sum(areas) for areas in zip(*results)]
            return compute(results)

        metric.compute_metrics = compute_and_keep

    def scores(self) -> List[ClassScore]:
        """Those of each class; none before an evaluation of all processes."""
        if not self._areas:
            return []
        intersect, union, _, label = (
            np.asarray(area, float) for area in self._areas)
        with np.errstate(divide='ignore', invalid='ignore'):
            return [*map(ClassScore, self._metric.dataset_meta['classes'],
                         100 * intersect / union, 100 * intersect / label)]


def score_table(scores: Sequence[ClassScore]) -> str:
    """The scores, a line a class, and their means."""
    table = PrettyTable(['class', 'IoU (%)', 'accuracy (%)'])
    table.align = 'r'
    table.align['class'] = 'l'
    for score in scores:
        table.add_row(
            [score.name, f'{score.iou:.2f}', f'{score.accuracy:.2f}'])
    means = [np.nanmean([score[column] for score in scores])
             for column in (1, 2)]
    table.add_row(['mean', *(f'{mean:.2f}' for mean in means)])
    return table.get_string()
