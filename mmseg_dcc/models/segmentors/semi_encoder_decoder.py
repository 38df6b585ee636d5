from abc import abstractmethod
from typing import List, Optional

from mmseg.models.segmentors import CascadeEncoderDecoder, EncoderDecoder
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor


@MODELS.register_module()
class SemiEncoderDecoder(CascadeEncoderDecoder):
    """Base of semi-supervised segmentors: an ``EncoderDecoder`` with more.

    A training batch has a labeled part ``sup`` and an unlabeled part
    ``unsup``. The base runs the stock supervised loss on the first, asks the
    subclass for :meth:`unsup_loss` on the second, and prefixes the keys with
    ``sup_`` and ``unsup_``. Everything else (names of the weights,
    inference, heads) is the stock segmentor's, so that checkpoints go both
    ways without renaming.

    A config that names a list of decode heads and ``num_stages`` is treated
    as ``CascadeEncoderDecoder`` does, any other as ``EncoderDecoder``.

    Args:
        backbone (dict): See ``EncoderDecoder``.
        decode_head (dict | list[dict]): One head, or the heads of a cascade.
        num_stages (int, optional): Number of heads of a cascade. Defaults to
            None: one head.
        data_preprocessor (dict, optional): Must be a
            :class:`SemiSegDataPreProcessor` for training.
        **kwargs: See ``EncoderDecoder``.
    """

    def __init__(self,
                 backbone: dict,
                 decode_head: dict,
                 num_stages: Optional[int] = None,
                 data_preprocessor: Optional[dict] = None,
                 **kwargs) -> None:
        # The method resolution order of a cascade's methods begins at the
        # class that suits the head.
        self._stock_class = (
            EncoderDecoder if num_stages is None else CascadeEncoderDecoder)
        super().__init__(
            num_stages=num_stages,
            backbone=backbone,
            decode_head=decode_head,
            data_preprocessor=data_preprocessor,
            **kwargs)
        # Lets the preprocessor check label ids where they are still on the
        # host and the file name is known.
        self.data_preprocessor.num_classes = self.num_classes
        self.unsup_enabled = True

    def _init_decode_head(self, decode_head) -> None:
        self._stock_class._init_decode_head(self, decode_head)

    def encode_decode(self, inputs: Tensor,
                      batch_img_metas: List[dict]) -> Tensor:
        """See ``EncoderDecoder``."""
        return self._stock_class.encode_decode(self, inputs, batch_img_metas)

    def _decode_head_forward_train(self, inputs, data_samples) -> dict:
        return self._stock_class._decode_head_forward_train(
            self, inputs, data_samples)

    def _forward(self, inputs: Tensor, data_samples=None) -> Tensor:
        return self._stock_class._forward(self, inputs, data_samples)

    def loss(self, inputs: dict, data_samples: dict) -> dict:
        """Supervised and unsupervised losses of one batch.

        Args:
            inputs (dict[str, Tensor]): ``sup``: labeled images, shape
                (B, 3, H, W). ``unsup``: whatever the subclass trains on.
            data_samples (dict[str, list[SegDataSample]]): Likewise.

        Returns:
            dict[str, Tensor]: Losses and diagnostics, prefixed.

        Raises:
            TypeError: If the batch is not split into the two parts.
        """
        if not isinstance(inputs, dict):
            raise TypeError(
                f'{type(self).__name__} expects a batch split into "sup" and '
                f'"unsup", got {type(inputs).__name__}. Set model.'
                "data_preprocessor.type='SemiSegDataPreProcessor'.")
        losses = {
            f'sup_{key}': value
            for key, value in super().loss(inputs['sup'],
                                           data_samples['sup']).items()
        }
        if self.unsup_enabled:
            if not inputs['unsup'].numel():
                raise RuntimeError(
                    'The warm-up of the model is over, but the sampler still '
                    'leaves the unlabeled images out. SupervisedWarmupHook '
                    'keeps the two together with EpochBasedTrainLoop and '
                    'IterBasedTrainLoop; set '
                    'train_dataloader.sampler.warmup_iters to 0 in a hook of '
                    'your own for another loop.')
            unsup_losses = self.unsup_loss(inputs['unsup'],
                                           data_samples['unsup'])
        else:
            unsup_losses = self.disabled_unsup_loss()
        losses.update(
            {f'unsup_{key}': value
             for key, value in unsup_losses.items()})
        return losses

    @abstractmethod
    def unsup_loss(self, inputs: Tensor, data_samples: SampleList) -> dict:
        """Losses of the unlabeled part of a batch.

        Only keys that contain ``loss`` are added to the total.
        """

    def disabled_unsup_loss(self) -> dict:
        """Losses while the unsupervised branch is off (warm-up).

        Must reach, with weight 0, every parameter that the supervised loss
        does not: DDP waits for the gradient of each.
        """
        return {}
