"""Comparison of a checkpoint with the model that is to load it."""
import re
from typing import Dict, List, NamedTuple

import torch
from mmengine.runner import get_state_dict
from torch import Tensor, nn

_MAX_LISTED = 3
# Not needed for inference; old checkpoints may lack the counters.
_OPTIONAL = re.compile(
    r'^terms\.|^auxiliary_head\.|(^|\.)num_batches_tracked$')


class WeightsFit(NamedTuple):
    """Differences between the weights of a checkpoint and of a model.

    Args:
        total (int): Number of weights and buffers of the model.
        missing (list[str]): Names that the checkpoint lacks.
        misshaped (list[str]): Names with another shape, with both shapes.
        not_finite (list[str]): Names with NaN or infinity.
    """
    total: int
    missing: List[str]
    misshaped: List[str]
    not_finite: List[str]

    @property
    def unfit(self) -> int:
        """Number of weights that would keep their random values."""
        return len(self.missing) + len(self.misshaped)

    def text(self) -> str:
        """Sentence on all differences; empty if there are none."""
        found = [
            (f'{len(names)} of {self.total} weights of the model {what}: '
             + ', '.join(names[:_MAX_LISTED])
             + (', ...' if len(names) > _MAX_LISTED else ''))
            for names, what in (
                (self.missing, 'are not in it'),
                (self.misshaped, 'have another shape there'),
                (self.not_finite, 'are NaN or infinite'))
            if names
        ]
        return '; '.join(found)


def weights_of(checkpoint: dict) -> Dict[str, Tensor]:
    """Weights of a checkpoint, named as the model names them.

    Args:
        checkpoint (dict): Checkpoint of mmengine, or a plain state dict.

    Raises:
        ValueError: If it is neither.
    """
    if not isinstance(checkpoint, dict):
        raise ValueError(
            f'The checkpoint holds a {type(checkpoint).__name__}, expected '
            'the dict of a training checkpoint or of a published model.')
    weights = checkpoint.get('state_dict', checkpoint)
    # mmengine drops this prefix of wrapped models, too
    return {re.sub(r'^module\.', '', name): value
            for name, value in weights.items()
            if isinstance(value, Tensor)}


def compare_weights(model: nn.Module, weights: Dict[str, Tensor]
                    ) -> WeightsFit:
    """Compares the weights of a checkpoint with those of a model.

    Args:
        model (nn.Module): The model. Its auxiliary heads and ``terms.`` are
            not compared, since only the training uses them.
        weights (dict[str, Tensor]): See :func:`weights_of`.

    Returns:
        WeightsFit: The differences.
    """
    own = {
        name: value
        for name, value in get_state_dict(model).items()
        if not _OPTIONAL.search(name)
    }
    return WeightsFit(
        total=len(own),
        missing=[name for name in own if name not in weights],
        misshaped=[
            f'{name} ({tuple(weights[name].shape)}, model '
            f'{tuple(value.shape)})' for name, value in own.items()
            if name in weights and weights[name].shape != value.shape
        ],
        not_finite=not_finite({
            name: weights[name] for name in own if name in weights
        }))


def not_finite(weights: Dict[str, Tensor]) -> List[str]:
    """Names of the weights that hold NaN or infinity."""
    return [
        name for name, value in weights.items()
        if torch.is_floating_point(value) and not value.isfinite().all()
    ]
