"""Feature matching loss of S4GAN (Mittal et al., TPAMI 2021)."""
from mmengine.dist import get_world_size
from torch import Tensor

from .reductions import mean_over_processes, sum_over_processes


def feature_matching_loss(fake: Tensor, real: Tensor) -> Tensor:
    """Distance between the mean features of predictions and of masks.

    The absolute difference of the two means over the batch, averaged over
    the features.

    The means are those of the batch of all processes: averaged over the
    processes, loss and gradient are those of one process on the joined
    batch.

    Args:
        fake (Tensor): Discriminator features of predictions, shape (N, c).
        real (Tensor): Discriminator features of masks, shape (M, c). In the
            published code they carry no gradient.

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
