"""Contrast of pixels with what their class is not (U2PL, Sec. 3.3)."""
from typing import NamedTuple, Sequence, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .reductions import mean_over_processes, sum_over_processes


def full_precision(maps: Tensor) -> Tensor:
    """Maps in float32 at least, also inside autocast.

    Args:
        maps (Tensor): Floating point, any shape.
    """
    return maps.to(torch.promote_types(maps.dtype, torch.float32))


class PixelRows(NamedTuple):
    """Pixels of labeled and of unlabeled images at the size of the features.

    P of them, image after image, row after row.

    Args:
        student (Tensor): Representations of the network, shape (P, D).
        teacher (Tensor): Of the teacher, without gradient, shape (P, D).
        probabilities (Tensor): Of the teacher, shape (P, C).
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
        """Rows of maps; of the masks every so many pixels.

        Args:
            maps (Sequence[Tensor]): ``student``, ``teacher`` and
                ``probabilities``, shape (N, channels, h, w) each.
            classes (Tensor): Labels of images, shape (N, H, W), likewise
                ``reliable`` and ``unreliable``.
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
    """Pixels that may be anchors: reliable, their class not improbable.

    Args:
        rows (PixelRows): P pixels.
        threshold (float): delta_p: the teacher gives the class more.

    Returns:
        Tensor: Their indices, int64, ascending.
    """
    classes = rows.reliable_classes
    own = rows.probabilities.gather(1, classes.clamp(min=0)[:, None])[:, 0]
    return ((classes >= 0) & (own > threshold)).nonzero()[:, 0]


def negative_rows(rows: PixelRows,
                  ranks: Sequence[int]) -> Tuple[Tensor, Tensor]:
    """Pixels that are negatives of a class, and of which.

    A labeled pixel is a negative of the classes that the teacher confuses it
    with: among its first ``ranks[0]``, but not its label. An unlabeled pixel
    of high entropy is one of the classes that it is probably not, of rank
    ``ranks[0]`` to ``ranks[1]`` (from 0, the last excluded), whatever its
    pseudo label.

    Args:
        rows (PixelRows): P pixels.
        ranks (tuple[int, int]): r_l and r_h.

    Returns:
        tuple[Tensor, Tensor]: Indices of pixels, ascending, and classes,
        int64, shape (n,) each. A pixel may be there for several classes.
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
        classes (Tensor): int64, shape (P,), -1: counts for none.
        num_classes (int): C.

    Returns:
        tuple[Tensor, Tensor]: Means, shape (C, D), 0 where a class has no
        pixel, and whether it has one, bool, shape (C,).
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
    r"""InfoNCE of anchors with the prototype of their class (Sec. 3.1).

    .. math::
        \frac{1}{|C|} \sum_c \frac{1}{M_c} \sum_i -\log
        \frac{e^{\cos(a_i, p_c) / \tau}}
        {e^{\cos(a_i, p_c) / \tau} + \sum_j e^{\cos(a_i, n_{ij}) / \tau}}

    C are the classes present in the batch of all processes, also those of
    which no anchor was drawn. With several processes the anchors of each
    stand for the share of the candidates that it has.

    Args:
        anchors (Tensor): Representations, shape (n, D).
        classes (Tensor): Of the anchors, int64, shape (n,).
        candidates (Tensor): Pixels of this process of which the anchors were
            drawn, of each class, shape (C,).
        negatives (Tensor): K of each anchor, shape (n, K, D).
        prototypes (Tensor): Positive of each class, shape (C, D).
        present (Tensor): bool, shape (C,).
        temperature (float): tau. Defaults to 0.5, U2PL.

    Returns:
        Tensor: Scalar, at least float32; the gradient flows to the anchors
        alone. 0 with a graph without an anchor, or if less than two classes
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
