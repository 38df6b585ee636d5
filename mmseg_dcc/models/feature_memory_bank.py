import torch
from mmengine.dist import all_gather, get_world_size
from mmseg.registry import MODELS
from torch import Tensor

from .shared_bank import SharedBank

EMPTY = -1


@MODELS.register_module()
class FeatureMemoryBank(SharedBank):
    """Memory bank: FIFO queue of the negatives of the last steps (Sec. 3.3).

    The bank is part of the training state: its buffers are saved in the
    checkpoint and restored when a training resumes. It is the same on every
    process; the features of all processes are in the order of their ranks.
    Features enter *before* the loss of their step is computed, as in the
    published code.

    Each step has one slot of ``slot_size`` rows for each process. A process
    with fewer rows leaves the rest of its slot empty, so that all processes
    exchange tensors of one size.

    Args:
        channels (int): Length c of a feature.
        slot_size (int): Maximum number of rows that one process adds in one
            step.
        steps (int): Number of steps kept, including the current one.
            Defaults to 3, published for ResNet-101 (2 for ResNet-50). With
            6,400 negatives per crop and step these are the 19.2k negatives of
            the best result in Table 4.

    Raises:
        ValueError: If an argument is below 1.

    Examples:
        >>> terms = dict(
        ...     dc=dict(
        ...         type='DirectionalContrast', bank=dict(rows=6400, steps=3)))
    """

    shape_axes = '(steps, rows of all GPUs, channels)'

    def __init__(self, channels: int, slot_size: int, steps: int = 3) -> None:
        super().__init__()
        for name, value in dict(
                channels=channels, slot_size=slot_size, steps=steps).items():
            if value < 1:
                raise ValueError(
                    f'The memory bank: {name} must be at least 1, got '
                    f'{value}. Change bank of the term in the model config.')
        self.slot_size = slot_size
        # As published, every GPU has the negatives of all GPUs.
        rows = slot_size * get_world_size()
        self.register_buffer('features', torch.zeros(steps, rows, channels))
        self.register_buffer('labels',
                             torch.full((steps, rows), EMPTY).long())
        self.register_buffer('position', torch.zeros((), dtype=torch.long))

    @property
    def fill(self) -> Tensor:
        """Share of the rows in use, scalar in [0, 1]."""
        return (self.labels != EMPTY).float().mean()

    @property
    def age(self) -> Tensor:
        """Mean age of the rows in use, in steps; the current step is 0."""
        used = (self.labels != EMPTY).sum(1)
        slots = torch.arange(len(used), device=used.device)
        ages = (self.position - 1 - slots) % len(used)
        return (ages * used).sum() / used.sum().clamp(min=1)

    @torch.no_grad()
    def push(self, features: Tensor, labels: Tensor) -> None:
        """Replaces the rows of the oldest step by new rows of all processes.

        Args:
            features (Tensor): Rows of this process, shape (k, c) with
                k <= slot_size. Rows with NaN or infinity, from an overflow
                in mixed precision, are dropped.
            labels (Tensor): Their pseudo labels, shape (k,), >= 0.

        Raises:
            ValueError: If k is above slot_size.
        """
        if len(features) > self.slot_size:
            raise ValueError(
                f'The memory bank has slots of {self.slot_size} rows, got '
                f'{len(features)} rows at once. Raise slot_size or pass '
                'fewer rows.')
        self.report_dropped(f'{len(self.features)} iterations')
        slot_features = self.features.new_zeros(self.slot_size,
                                                self.features.size(-1))
        slot_labels = self.labels.new_full((self.slot_size, ), EMPTY)
        features = features.to(slot_features)
        finite = features.isfinite().all(1)
        slot_features[:len(features)] = features.where(finite[:, None],
                                                       features.new_zeros(()))
        slot_labels[:len(labels)] = labels.where(finite,
                                                 labels.new_tensor(EMPTY))
        # mmengine gathers in the order of the ranks. The position stays on
        # the device to avoid a synchronisation.
        for buffer, slot in ((self.features, slot_features),
                             (self.labels, slot_labels)):
            rows = torch.cat(all_gather(slot))
            buffer.index_copy_(0, self.position[None], rows[None])
        self.position.add_(1).remainder_(len(self.features))

    def negatives(self) -> tuple:
        """Features and labels of all rows in use.

        Returns:
            tuple[Tensor, Tensor]: Features (m, c) and labels (m,); m may be
            0. They are views, not copies, once the bank is full.
        """
        features, labels = self.features.flatten(0, 1), self.labels.flatten()
        used = labels != EMPTY
        if used.all():
            return features, labels
        return features[used], labels[used]

    def reset(self) -> None:
        """Empties the bank."""
        self.labels.fill_(EMPTY)
        self.position.zero_()
