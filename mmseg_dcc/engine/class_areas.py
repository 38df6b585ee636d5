"""Scores of each class, of which mmseg's metric returns only the mean."""
from typing import List, NamedTuple, Optional, Sequence

import numpy as np
from mmseg.evaluation import IoUMetric
from prettytable import PrettyTable


class ClassScore(NamedTuple):
    """Scores of a class in percent; NaN if the class has no pixel.

    Args:
        name (str): Name of the class.
        iou (float): Intersection over union.
        accuracy (float): Share of the pixels of the class that are predicted
            as such.
    """
    name: str
    iou: float
    accuracy: float


class ClassAreas:
    """Areas per class from the last evaluation of a metric.

    Args:
        metric (IoUMetric): Metric whose ``compute_metrics`` is wrapped. Its
            results do not change.
    """

    def __init__(self, metric: IoUMetric) -> None:
        self._metric = metric
        self._areas: Optional[list] = None
        compute = metric.compute_metrics

        def compute_and_keep(results: list) -> dict:
            # of all processes, without the padding of the last batch
            self._areas = [sum(areas) for areas in zip(*results)]
            return compute(results)

        metric.compute_metrics = compute_and_keep

    def scores(self) -> List[ClassScore]:
        """Scores of each class; [] before the first evaluation."""
        if not self._areas:
            return []
        intersect, union, _, label = (
            np.asarray(area, float) for area in self._areas)
        with np.errstate(divide='ignore', invalid='ignore'):
            return [*map(ClassScore, self._metric.dataset_meta['classes'],
                         100 * intersect / union, 100 * intersect / label)]


def score_table(scores: Sequence[ClassScore]) -> str:
    """Table of the scores, one line per class, and of their means."""
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
