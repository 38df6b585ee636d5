from typing import List

from mmengine.model import BaseTTAModel
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample


@MODELS.register_module()
class MeanScoresTTAModel(BaseTTAModel):
    """Test-time augmentation of :class:`Teachers`.

    mmseg's ``SegTTAModel`` keeps the classes of the mean alone; this one
    keeps how probable they are, too.

    Args:
        module (dict): Config of the :class:`Teachers`.

    Examples:
        >>> model = dict(
        ...     type='MeanScoresTTAModel', module=dict(type='Teachers', ...))
    """

    def merge_preds(
            self, data_samples_list: List[List[SegDataSample]]
    ) -> List[SegDataSample]:
        """One sample of the views of each image."""
        return self.module.merged(data_samples_list)
