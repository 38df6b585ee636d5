import torch
import torch.nn.functional as F
from torch import Tensor


def pixel_cross_entropy(scores: Tensor,
                        labels: Tensor,
                        use_sigmoid: bool = False) -> Tensor:
    """Cross entropy of each pixel, as mmseg's ``CrossEntropyLoss`` has it.

    Args:
        scores (Tensor): Logits, shape (N, C, H, W).
        labels (Tensor): int64, shape (N, H, W), in [0, C). With one channel
            of scores 0 or 1.
        use_sigmoid (bool): Whether each channel is a sigmoid of its own: the
            binary cross entropy with the one-hot label, a mean over classes,
            as in mmseg. One channel of scores holds the logit of label 1.
            Defaults to False: softmax over channels.

    Returns:
        Tensor: float32, also inside autocast, shape (N, H, W).

    Raises:
        ValueError: If one channel is to have a softmax.
    """
    scores = scores.float()
    classes = scores.shape[1]
    if not use_sigmoid:
        if classes == 1:
            raise ValueError(
                'One channel of scores has no softmax: its loss would be 0 '
                'everywhere. Set decode_head.loss_decode.use_sigmoid=True, or '
                'decode_head.out_channels=2.')
        return F.cross_entropy(scores, labels, reduction='none')
    if classes == 1:
        targets = labels[:, None].float()
    else:
        targets = torch.zeros_like(scores).scatter_(1, labels[:, None], 1.)
    return F.binary_cross_entropy_with_logits(
        scores, targets, reduction='none').mean(1)
