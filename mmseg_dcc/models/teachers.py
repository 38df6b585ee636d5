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
    """Ensemble of networks whose mean prediction labels images.

    Args:
        network (dict): Config of the segmentor, the same for all networks.
        checkpoints (Sequence[str]): Files with the weights of each network.
        adjustment (Sequence[float], optional): Numbers added to the scores
            of each class, see :func:`adjusted`. Defaults to None.
        data_preprocessor (dict, optional): Data preprocessor of the networks
            if their config has none. Defaults to None.

    Raises:
        InputError: If the weights of a file do not fit the network.

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
        """Decode head that gives the prediction."""
        head = self.networks[0].decode_head
        return head[-1] if isinstance(head, torch.nn.ModuleList) else head

    def forward(self, inputs, data_samples=None, mode='tensor'):
        raise NotImplementedError(
            'Teachers supports test_step only, not forward.')

    def test_step(self, data: dict) -> List[SegDataSample]:
        """Mean predictions for one batch."""
        return self.merged(
            list(zip(*(network.test_step(data)
                       for network in self.networks))))

    def merged(
        self, predictions: Sequence[Sequence[SegDataSample]]
    ) -> List[SegDataSample]:
        """Samples with the mean prediction of each image.

        Args:
            predictions (Sequence[Sequence[SegDataSample]]): Predictions of
                each image, with ``seg_logits``.

        Returns:
            list[SegDataSample]: First sample of each image, changed in
            place: ``seg_logits`` represents the mean of the probabilities;
            ``pred_sem_seg`` and ``confidence``, shape (1, H, W), are the
            prediction of the head after the adjustment.
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
    """Logits of a prediction.

    With one channel, ``seg_logits`` of mmseg holds the sigmoid of the logit,
    which is undone here.

    Args:
        sample (SegDataSample): Sample with ``seg_logits``.

    Returns:
        Tensor: Shape (classes, H, W).
    """
    scores = sample.seg_logits.data
    return scores.logit() if len(scores) == 1 else scores


def mean_scores(scores: Sequence[Tensor], sigmoid: bool) -> Tensor:
    """Logits whose probabilities are the mean of several predictions.

    Args:
        scores (Sequence[Tensor]): Logits, shape (classes, H, W) each.
        sigmoid (bool): Whether each class has a sigmoid; if False, the
            classes share a softmax.

    Returns:
        Tensor: Logits, shape (classes, H, W).
    """
    stacked = torch.stack(list(scores))
    if sigmoid:
        return stacked.sigmoid().mean(0).logit()
    return stacked.softmax(1).mean(0).log()


def adjusted(scores: Tensor,
             adjustment: Optional[Sequence[float]] = None) -> Tensor:
    """Logits with a number added to each class.

    Args:
        scores (Tensor): Logits, shape (classes, H, W), or (1, H, W) for a
            single foreground class.
        adjustment (Sequence[float], optional): One number for each class;
            for background and foreground if there is one foreground class.
            Defaults to None: nothing is added.

    Returns:
        Tensor: Same shape.
    """
    if adjustment is None:
        return scores
    added = scores.new_tensor(adjustment)
    if len(scores) == 1:  # sigmoid(s) is softmax over (0, s)
        added = added[1:] - added[:1]
    return scores + added[:, None, None]


def load_weights(network: Module, checkpoint: str) -> None:
    """Loads the weights of a network from a checkpoint.

    Further weights in the file, such as those of a projector, are ignored.

    Args:
        network (Module): Network to load into.
        checkpoint (str): Path of the checkpoint.

    Raises:
        InputError: If a weight is missing, has another shape or is NaN.
    """
    loaded = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')
    weights = weights_of(loaded)
    fit = compare_weights(network, weights)
    if fit.unfit or fit.not_finite:
        raise InputError(
            f'{checkpoint} does not fit the network of the config, or is '
            f'broken: {fit.text()}. Masks of such a network would be noise. '
            'Give the config with which the teacher was trained.')
    network.load_state_dict(weights, strict=False)
