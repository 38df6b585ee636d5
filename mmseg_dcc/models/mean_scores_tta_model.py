from typing import List

from mmengine.model import BaseTTAModel
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample


@MODELS.register_module()
class MeanScoresTTAModel(BaseTTAModel):
    """Test-time augmentation of :class:`Teachers`.

    ``SegTTAModel`` of mmseg keeps only the classes of the mean prediction;
    this model also keeps its confidence.

    Args:
        module (dict): Config of :class:`Teachers`.

    Examples:
        >>> model = dict(
        ...     type='MeanScoresTTAModel', module=dict(type='Teachers', ...))
    """

    def merge_preds(
            self, data_samples_list: List[List[SegDataSample]]
    ) -> List[SegDataSample]:
        """Samples with the mean prediction over the views of each image."""
        return self.module.merged(data_samples_list)
