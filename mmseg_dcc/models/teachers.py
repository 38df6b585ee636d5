from typing import List, Optional, Sequence

import torch
from mmengine.model import BaseModel, ModuleList
from mmengine.runner import CheckpointLoader
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor
from torch.nn import Module

from ..utils.input_error import InputError
from ..utils.weights_fit import compare_weights, weights_of
from .head_features import class_confidence, uses_sigmoid


@MODELS.register_module()
class Teachers(BaseModel):
    """Networks of one config whose mean prediction labels images.

    Args:
        network (dict): The config of a segmentor.
        checkpoints (Sequence[str]): Files of their weights.
        adjustment (Sequence[float], optional): Added to the scores of each
            class, see :func:`adjusted`. Defaults to None.
        data_preprocessor (dict, optional): Of the networks if their config
            has none. Defaults to None.

    Raises:
        InputError: If a file has the weights of another network.

    Examples:
        >>> model = dict(
        ...     type='Teachers', network=dict(type='EncoderDecoder', ...),
        ...     checkpoints=['seed_0.pth', 'seed_1.pth'])
    """

    def __init__(self,
                 network: dict,
                 checkpoints: Sequence[str],
                 adjustment: Optional[Sequence[float]] = None,
                 data_preprocessor: Optional[dict] = None) -> None:
        super().__init__()
        network = dict(network)
        network.setdefault('data_preprocessor', data_preprocessor)
        self.networks = ModuleList()
        for checkpoint in checkpoints:
            self.networks.append(MODELS.build(network))
            load_weights(self.networks[-1], checkpoint)
        self.adjustment = adjustment

    @property
    def head(self) -> Module:
        """The head that predicts."""
        head = self.networks[0].decode_head
        return head[-1] if isinstance(head, torch.nn.ModuleList) else head

    def forward(self, inputs, data_samples=None, mode='tensor'):
        raise NotImplementedError('Teachers only label: see test_step.')

    def test_step(self, data: dict) -> List[SegDataSample]:
        """Predictions for one batch."""
        return self.merged(
            list(zip(*(network.test_step(data)
                       for network in self.networks))))

    def merged(
        self, predictions: Sequence[Sequence[SegDataSample]]
    ) -> List[SegDataSample]:
        """One sample for each image, with the mean of its predictions.

        Args:
            predictions (Sequence[Sequence[SegDataSample]]): Those of each
                image, with ``seg_logits``.

        Returns:
            list[SegDataSample]: The first of each image, changed:
            ``seg_logits`` stands for the mean of the probabilities;
            ``pred_sem_seg`` and ``confidence``, shape (1, H, W), are what the
            head makes of them after the adjustment.
        """
        for samples in predictions:
            scores = mean_scores([raw_scores(sample) for sample in samples],
                                 uses_sigmoid(self.head))
            confidence, labels = class_confidence(
                self.head,
                adjusted(scores, self.adjustment)[None])
            samples[0].seg_logits = PixelData(
                data=scores.sigmoid() if len(scores) == 1 else scores)
            samples[0].pred_sem_seg = PixelData(data=labels)
            samples[0].confidence = PixelData(data=confidence)
        return [samples[0] for samples in predictions]


def raw_scores(sample: SegDataSample) -> Tensor:
    """Scores before softmax or sigmoid of a prediction.

    What mmseg calls ``seg_logits`` has been through the sigmoid already if
    there is one channel.

    Args:
        sample (SegDataSample): With ``seg_logits``.

    Returns:
        Tensor: Shape (classes, H, W).
    """
    scores = sample.seg_logits.data
    return scores.logit() if len(scores) == 1 else scores


def mean_scores(scores: Sequence[Tensor], sigmoid: bool) -> Tensor:
    """Scores that stand for the mean of the probabilities of several.

    Args:
        scores (Sequence[Tensor]): Before softmax or sigmoid, shape
            (classes, H, W) each.
        sigmoid (bool): Whether each class has a probability of its own.

    Returns:
        Tensor: Likewise, of the shape of one.
    """
    stacked = torch.stack(list(scores))
    if sigmoid:
        return stacked.sigmoid().mean(0).logit()
    return stacked.softmax(1).mean(0).log()


def adjusted(scores: Tensor,
             adjustment: Optional[Sequence[float]] = None) -> Tensor:
    """Scores with a number added to those of each class.

    Args:
        scores (Tensor): Before softmax or sigmoid, shape (classes, H, W); of
            one foreground class (1, H, W).
        adjustment (Sequence[float], optional): Of each class; of background
            and foreground if there is one foreground class. Defaults to
            None: nothing is added.

    Returns:
        Tensor: Of the same shape.
    """
    if adjustment is None:
        return scores
    added = scores.new_tensor(adjustment)
    if len(scores) == 1:  # sigmoid(s) is softmax over (0, s)
        added = added[1:] - added[:1]
    return scores + added[:, None, None]


def load_weights(network: Module, checkpoint: str) -> None:
    """Loads all weights of the network; others, of a projector, may be there.

    Args:
        network (Module): The network.
        checkpoint (str): The file.

    Raises:
        InputError: If a weight is missing, has another shape or is NaN.
    """
    loaded = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')
    weights = weights_of(loaded)
    fit = compare_weights(network, weights)
    if fit.unfit or fit.not_finite:
        raise InputError(
            f'{checkpoint} is not of the network in the config, or broken: '
            f'{fit.text()}. Masks of such a network would be noise: give a '
            'config whose model is that of the teacher.')
    network.load_state_dict(weights, strict=False)
