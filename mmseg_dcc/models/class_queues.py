"""Queues of negatives, one for each class (U2PL, Sec. 3.3)."""
from typing import Sequence, Union

import torch
from torch import Tensor

from .gathered_rows import gathered_rows
from .shared_bank import SharedBank


def places_in_class(classes: Tensor) -> Tensor:
    """Index of each row among the rows of its class, from 0.

    Args:
        classes (Tensor): int64, sorted, shape (n,).

    Returns:
        Tensor: int64, shape (n,).
    """
    places = torch.arange(len(classes), device=classes.device)
    return places - torch.searchsorted(classes, classes)


def draw_by_class(classes: Tensor, most: int) -> Tensor:
    """Random rows without replacement, limited for each class.

    Args:
        classes (Tensor): Class of each row, int64, shape (n,).
        most (int): Maximum number of rows of one class.

    Returns:
        Tensor: Indices of the rows, int64, ascending. A class with at most
        ``most`` rows is complete.
    """
    order = torch.randperm(len(classes), device=classes.device)
    ranked, by_class = classes[order].sort(stable=True)
    return order[by_class[places_in_class(ranked) < most]].sort()[0]


class ClassQueues(SharedBank):
    """FIFO queues of negatives, one for each class.

    The queue of class c holds negatives of class c: features of pixels that
    do not belong to it. Each step appends the rows of all processes in the
    order of their ranks, so that the queues are the same on every process.
    They are saved in the checkpoint.

    Args:
        num_classes (int): Number of classes C.
        channels (int): Length of a feature.
        sizes (int | Sequence[int]): Maximum number of rows of each queue, or
            one number for all. They are float32 on the device: 1,000 rows of
            256 channels take 1 MB per class.

    Raises:
        ValueError: If a size is below 1, or there are not C sizes.

    Examples:
        >>> queues = ClassQueues(num_classes=21, channels=256, sizes=5000)
        >>> queues.push(torch.randn(5, 256), torch.tensor([0, 0, 3, 3, 3]))
        >>> queues.draw(torch.tensor([3]), 50).shape  # of those three
        torch.Size([1, 50, 256])
    """

    shape_axes = '(rows of all classes, channels)'

    def __init__(self,
                 num_classes: int,
                 channels: int,
                 sizes: Union[int, Sequence[int]]) -> None:
        super().__init__()
        if isinstance(sizes, int):
            sizes = [sizes] * num_classes
        if len(sizes) != num_classes or min(sizes) < 1:
            raise ValueError(
                'Class queues: expected one size of at least 1 for each of '
                f'{num_classes} classes, or one for all, got {sizes}. '
                'Change queue_sizes of the term in the model config.')
        self.register_buffer('features', torch.zeros(sum(sizes), channels))
        self.register_buffer('sizes', torch.tensor(sizes))
        # Rows appended so far: gives the write position and the fill.
        self.register_buffer('pushed', torch.zeros(num_classes).long())

    @property
    def fill(self) -> Tensor:
        """Number of rows in use of each class, int64, shape (C,)."""
        return self.pushed.minimum(self.sizes)

    @property
    def starts(self) -> Tensor:
        """First row of each class in ``features``."""
        return self.sizes.cumsum(0) - self.sizes

    @torch.no_grad()
    def push(self, features: Tensor, classes: Tensor) -> None:
        """Appends rows of all processes and drops the oldest ones.

        Args:
            features (Tensor): Rows of this process, shape (n, channels).
                Rows with NaN or infinity, from an overflow in mixed
                precision, are dropped.
            classes (Tensor): Queue of each row, int64, shape (n,).
        """
        self.report_dropped('as many new rows')
        finite = features.isfinite().all(1)
        rows = gathered_rows(features[finite].to(self.features))
        classes, order = gathered_rows(classes[finite]).sort(stable=True)
        counts = classes.bincount(minlength=len(self.sizes))
        places = places_in_class(classes)
        # Of more rows than a queue holds, keep the last: no row is written
        # twice.
        last = places >= (counts - self.sizes)[classes]
        classes, order, places = classes[last], order[last], places[last]
        places = (self.pushed[classes] + places) % self.sizes[classes]
        self.features[self.starts[classes] + places] = rows[order]
        self.pushed += counts

    def rows(self, index: int) -> Tensor:
        """Rows of one class, the oldest first.

        Args:
            index (int): The class.

        Returns:
            Tensor: Shape (rows in use, channels).
        """
        size, used = int(self.sizes[index]), int(self.fill[index])
        places = torch.arange(used, device=self.features.device)
        places = (self.pushed[index] - used + places) % size
        return self.features[self.starts[index] + places]

    def draw(self, classes: Tensor, number: int) -> Tensor:
        """Random rows, drawn with replacement.

        Args:
            classes (Tensor): Queues to draw from, none of them empty, int64,
                shape (n,).
            number (int): Number of rows k for each entry of ``classes``.

        Returns:
            Tensor: Shape (n, k, channels).
        """
        used = self.fill[classes][:, None]
        places = torch.rand(len(classes), number, device=used.device) * used
        places = places.long().minimum(used - 1)
        return self.features[self.starts[classes][:, None] + places]

    def fits(self, saved: dict) -> bool:
        """Whether channels and queue sizes of a checkpoint fit."""
        return super().fits(saved) and torch.equal(
            saved['sizes'].to(self.sizes), self.sizes)
