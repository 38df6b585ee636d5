from pathlib import Path
from typing import Sequence

from mmengine.evaluator import BaseMetric
from mmseg.registry import METRICS
from torch import Tensor

from ..utils.atomic_file import written_atomically
from ..utils.mask_image import UNKNOWN, mask_image


@METRICS.register_module()
class PseudoMaskWriter(BaseMetric):
    """Metric that writes predictions as masks to ``seg_map_path``.

    The samples are those of :class:`Teachers`, with ``pred_sem_seg`` and
    ``confidence``.

    Args:
        confidence_threshold (float): Minimum confidence of a pixel, in
            [0, 1); other pixels are written as unknown (255).

    Examples:
        >>> test_evaluator = dict(
        ...     type='PseudoMaskWriter', confidence_threshold=0.5)
    """

    def __init__(self, confidence_threshold: float) -> None:
        super().__init__()
        self.confidence_threshold = confidence_threshold

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Writes the masks of one batch."""
        for sample in data_samples:
            mask = sample['pred_sem_seg']['data'][0].byte()
            unsure = (
                sample['confidence']['data'][0] < self.confidence_threshold)
            mask[unsure] = UNKNOWN
            self.results.append((mask != UNKNOWN).float().mean().item())
            mask = as_stored(mask, self.dataset_meta)
            with written_atomically(Path(sample['seg_map_path'])) as path:
                mask_image(mask.cpu().numpy()).save(path)

    def compute_metrics(self, results: list) -> dict:
        """Number of masks and percentage of their pixels with a label."""
        return dict(
            masks=len(results),
            labeled_pixels=round(100 * sum(results) / max(len(results), 1), 2))


def as_stored(mask: Tensor, dataset_meta: dict) -> Tensor:
    """Mask with the ids that the data set expects in files.

    ``label_map`` and ``reduce_zero_label`` of mmseg are undone, so that a
    loaded mask equals the given one.

    Args:
        mask (Tensor): Class ids and 255, shape (H, W), uint8.
        dataset_meta (dict): ``metainfo`` of the data set.

    Returns:
        Tensor: Shape (H, W), uint8.
    """
    stored = mask.clone()
    for old, new in (dataset_meta.get('label_map') or {}).items():
        stored[mask == new] = old
    stored[mask == UNKNOWN] = UNKNOWN
    if dataset_meta.get('reduce_zero_label'):
        stored += 1  # 255 becomes 0, which reduce_zero_label ignores
    return stored
