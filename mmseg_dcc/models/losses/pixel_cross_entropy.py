import torch
import torch.nn.functional as F
from torch import Tensor


def pixel_cross_entropy(scores: Tensor,
                        labels: Tensor,
                        use_sigmoid: bool = False) -> Tensor:
    """Cross entropy of each pixel, as in ``CrossEntropyLoss`` of mmseg.

    Args:
        scores (Tensor): Logits, shape (N, C, H, W).
        labels (Tensor): int64, shape (N, H, W), in [0, C), or 0 and 1 if C
            is 1.
        use_sigmoid (bool): Whether each channel has a sigmoid: the binary
            cross entropy with the one-hot label, averaged over classes, as
            in mmseg. A single channel is the logit of label 1. Defaults to
            False: softmax over channels.

    Returns:
        Tensor: float32, also inside autocast, shape (N, H, W).

    Raises:
        ValueError: If there is one channel without ``use_sigmoid``.
    """
    scores = scores.float()
    classes = scores.shape[1]
    if not use_sigmoid:
        if classes == 1:
            raise ValueError(
                'Got one channel of scores with a softmax: the loss would be '
                '0 everywhere. Set decode_head.loss_decode.use_sigmoid=True '
                'or decode_head.out_channels=2.')
        return F.cross_entropy(scores, labels, reduction='none')
    if classes == 1:
        targets = labels[:, None].float()
    else:
        targets = torch.zeros_like(scores).scatter_(1, labels[:, None], 1.)
    return F.binary_cross_entropy_with_logits(
        scores, targets, reduction='none').mean(1)
