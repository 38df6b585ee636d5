"""Feature matching in a discriminator (Mittal et al., TPAMI 2021)."""
from mmengine.dist import get_world_size
from torch import Tensor

from .reductions import mean_over_processes, sum_over_processes


def feature_matching_loss(fake: Tensor, real: Tensor) -> Tensor:
    """Distance of the mean features of predictions and of masks.

    The absolute difference of the two means over the batch, a mean over the
    features. It is 0 where both kinds of pictures have the same mean feature,
    whatever single ones have.

    The means are those of the batch of all processes: averaged over the
    processes, the losses and their gradients are those of one process on the
    joined batch.

    Args:
        fake (Tensor): Features of predictions, shape (N, c).
        real (Tensor): Features of masks, shape (M, c). The published code
            lets no gradient flow to them.

    Returns:
        Tensor: Scalar, float32.
    """
    fake_mean, real_mean = (
        features.float().sum(0) /
        mean_over_processes(features.new_tensor(len(features)))
        for features in (fake, real))
    share = real_mean - fake_mean
    gap = sum_over_processes(share.detach()) / get_world_size()
    return (gap.sign() * share).mean()
