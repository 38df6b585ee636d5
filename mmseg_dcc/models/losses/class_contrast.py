"""Contrastive loss of U2PL (Sec. 3.3) and the choice of its pixels."""
from typing import NamedTuple, Sequence, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .reductions import mean_over_processes, sum_over_processes


def full_precision(maps: Tensor) -> Tensor:
    """Maps in at least float32, also inside autocast.

    Args:
        maps (Tensor): Floating point, any shape.
    """
    return maps.to(torch.promote_types(maps.dtype, torch.float32))


class PixelRows(NamedTuple):
    """Rows of P pixels of labeled and unlabeled images at feature resolution.

    The order is image after image, row after row.

    Args:
        student (Tensor): Representations by the network, shape (P, D).
        teacher (Tensor): Representations by the teacher, without gradient,
            shape (P, D).
        probabilities (Tensor): Class probabilities by the teacher, shape
            (P, C).
        classes (Tensor): Labels or pseudo labels, int64, -1 where there is
            none, shape (P,).
        reliable (Tensor): bool, shape (P,): labeled, or of low entropy.
        unreliable (Tensor): bool, shape (P,): labeled, or of high entropy.
        labeled (Tensor): bool, shape (P,).
    """
    student: Tensor
    teacher: Tensor
    probabilities: Tensor
    classes: Tensor
    reliable: Tensor
    unreliable: Tensor
    labeled: Tensor

    @classmethod
    def of(cls, maps: Sequence[Tensor], classes: Tensor, reliable: Tensor,
           unreliable: Tensor, labeled: bool) -> 'PixelRows':
        """Rows of feature maps and of masks, which are subsampled.

        Args:
            maps (Sequence[Tensor]): ``student``, ``teacher`` and
                ``probabilities``, shape (N, channels, h, w) each.
            classes (Tensor): Labels at image size, shape (N, H, W).
            reliable (Tensor): bool, shape (N, H, W).
            unreliable (Tensor): bool, shape (N, H, W).
            labeled (bool): Whether these are labeled images.
        """
        size = tuple(maps[0].shape[2:])
        classes, reliable, unreliable = (
            F.interpolate(mask[:, None].float(), size).flatten()
            for mask in (classes, reliable, unreliable))
        return cls(
            *(full_precision(single).permute(0, 2, 3, 1).flatten(0, 2)
              for single in maps),
            classes=classes.long(),
            reliable=reliable.bool(),
            unreliable=unreliable.bool(),
            labeled=torch.full_like(reliable, labeled, dtype=torch.bool))

    @property
    def reliable_classes(self) -> Tensor:
        """Class of each reliable pixel, -1 elsewhere, shape (P,)."""
        return self.classes.where(self.reliable, self.classes.new_tensor(-1))


def anchor_rows(rows: PixelRows, threshold: float) -> Tensor:
    """Pixels that may be anchors: reliable, with a probable class.

    Args:
        rows (PixelRows): P pixels.
        threshold (float): delta_p: the class must be more probable than
            this, by the teacher.

    Returns:
        Tensor: Indices of the pixels, int64, ascending.
    """
    classes = rows.reliable_classes
    own = rows.probabilities.gather(1, classes.clamp(min=0)[:, None])[:, 0]
    return ((classes >= 0) & (own > threshold)).nonzero()[:, 0]


def negative_rows(rows: PixelRows,
                  ranks: Sequence[int]) -> Tuple[Tensor, Tensor]:
    """Pixels that are negatives, with the class for which they are.

    A labeled pixel is a negative of the classes with which the teacher
    confuses it: those of its ``ranks[0]`` most probable classes that are not
    its label. An unlabeled pixel of high entropy is a negative of improbable
    classes: those of rank ``ranks[0]`` to ``ranks[1]`` (counted from 0,
    ``ranks[1]`` excluded), regardless of its pseudo label.

    Args:
        rows (PixelRows): P pixels.
        ranks (tuple[int, int]): r_l and r_h.

    Returns:
        tuple[Tensor, Tensor]: Indices of pixels, ascending, and classes,
        int64, shape (n,) each. A pixel may occur for several classes.
    """
    chosen = rows.unreliable.nonzero()[:, 0]
    probabilities = rows.probabilities[chosen]
    order = probabilities.sort(dim=1, descending=True, stable=True)[1]
    rank = order.argsort(1)
    classes = torch.arange(probabilities.shape[1], device=rank.device)
    confused = (rank < ranks[0]) & (rows.classes[chosen, None] != classes)
    unlikely = (rank >= ranks[0]) & (rank < ranks[1])
    index, found = torch.where(rows.labeled[chosen, None], confused,
                               unlikely).nonzero().T
    return chosen[index], found


@torch.no_grad()
def class_prototypes(features: Tensor, classes: Tensor,
                     num_classes: int) -> Tuple[Tensor, Tensor]:
    """Mean feature of each class over the pixels of all processes.

    Args:
        features (Tensor): Shape (P, D).
        classes (Tensor): Class of each row, int64, shape (P,), -1 for none.
        num_classes (int): Number of classes C.

    Returns:
        tuple[Tensor, Tensor]: Means, shape (C, D), 0 for a class without
        pixels, and whether a class has pixels, bool, shape (C,).
    """
    known = classes >= 0
    sums = features.new_zeros(num_classes, features.shape[1] + 1)
    sums.index_add_(0, classes[known],
                    F.pad(features, (0, 1), value=1.)[known])
    sums = sum_over_processes(sums)
    counts = sums[:, -1:]
    return sums[:, :-1] / counts.clamp(min=1), counts[:, 0] > 0


def class_contrast_loss(anchors: Tensor,
                        classes: Tensor,
                        candidates: Tensor,
                        negatives: Tensor,
                        prototypes: Tensor,
                        present: Tensor,
                        temperature: float = 0.5) -> Tensor:
    r"""InfoNCE loss of anchors against their class prototype (Sec. 3.1).

    .. math::
        \frac{1}{|C|} \sum_c \frac{1}{M_c} \sum_i -\log
        \frac{e^{\cos(a_i, p_c) / \tau}}
        {e^{\cos(a_i, p_c) / \tau} + \sum_j e^{\cos(a_i, n_{ij}) / \tau}}

    C are the classes present in the batch of all processes, including those
    without an anchor. With several processes the anchors of a process are
    weighted by its share of the candidates.

    Args:
        anchors (Tensor): Representations, shape (n, D).
        classes (Tensor): Classes of the anchors, int64, shape (n,).
        candidates (Tensor): Number of pixels of each class in this process
            from which the anchors were drawn, shape (C,).
        negatives (Tensor): K negatives for each anchor, shape (n, K, D).
        prototypes (Tensor): Positive of each class, shape (C, D).
        present (Tensor): Whether a class is present, bool, shape (C,).
        temperature (float): tau. Defaults to 0.5, U2PL.

    Returns:
        Tensor: Scalar, at least float32. The gradient flows to the anchors
        alone. 0 with a graph if there is no anchor or fewer than two classes
        are present.
    """
    with torch.autocast(anchors.device.type, enabled=False):
        queries = F.normalize(full_precision(anchors), dim=1)
        positives = F.normalize(full_precision(prototypes), dim=1)
        negatives = F.normalize(full_precision(negatives), dim=2)
        similarity = torch.cat([
            (queries * positives[classes]).sum(1, keepdim=True),
            (negatives @ queries[:, :, None])[:, :, 0]
        ], 1)
        losses = -(similarity / temperature).log_softmax(1)[:, 0]
    drawn = classes.bincount(minlength=len(candidates)).clamp(min=1)
    weights = candidates / mean_over_processes(candidates) / drawn
    count = present.sum()
    total = (weights[classes] * losses).sum() / count.clamp(min=1)
    return total * (count > 1)
