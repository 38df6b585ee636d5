import torch
from mmengine.dist import all_gather, get_world_size
from mmseg.registry import MODELS
from torch import Tensor

from .shared_bank import SharedBank

EMPTY = -1


@MODELS.register_module()
class FeatureMemoryBank(SharedBank):
    """Negatives of the last steps of all processes, first in, first out.

    The bank (Sec. 3.3) is part of the training state: its buffers are in the
    checkpoint and come back after a resume. It is the same on every process,
    in the order of their ranks. Features enter *before* the loss of their
    step is computed, as in the published code.

    Each step owns one slot of ``slot_size`` rows a process. A process that
    has fewer rows to give leaves the rest of its slot empty, so that all
    processes always exchange tensors of one size.

    Args:
        channels (int): Length c of a feature.
        slot_size (int): Most rows that one process adds in one step.
        steps (int): Steps kept, the current one included. Defaults to 3,
            published for ResNet-101 (2 for ResNet-50): with 6,400 negatives
            a crop and step these are the 19.2k that did best in Table 4.

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
        # The published setting has the same bank on every GPU, too.
        rows = slot_size * get_world_size()
        self.register_buffer('features', torch.zeros(steps, rows, channels))
        self.register_buffer('labels',
                             torch.full((steps, rows), EMPTY).long())
        self.register_buffer('position', torch.zeros((), dtype=torch.long))

    @property
    def fill(self) -> Tensor:
        """Share of rows in use, scalar in [0, 1]."""
        return (self.labels != EMPTY).float().mean()

    @property
    def age(self) -> Tensor:
        """Mean age in steps of the rows in use; 0 are those of this step."""
        used = (self.labels != EMPTY).sum(1)
        slots = torch.arange(len(used), device=used.device)
        ages = (self.position - 1 - slots) % len(used)
        return (ages * used).sum() / used.sum().clamp(min=1)

    @torch.no_grad()
    def push(self, features: Tensor, labels: Tensor) -> None:
        """Replaces the oldest step by the rows of all processes.

        Args:
            features (Tensor): Rows of this process, shape (k, c) with
                k <= slot_size. Rows with NaN or infinity, of an overflow in
                mixed precision, are left out.
            labels (Tensor): Their pseudo labels, shape (k,), >= 0.

        Raises:
            ValueError: If there are more rows than a slot holds.
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
        # the device: nothing has to wait for it.
        for buffer, slot in ((self.features, slot_features),
                             (self.labels, slot_labels)):
            rows = torch.cat(all_gather(slot))
            buffer.index_copy_(0, self.position[None], rows[None])
        self.position.add_(1).remainder_(len(self.features))

    def negatives(self) -> tuple:
        """All rows in use.

        Returns:
            tuple[Tensor, Tensor]: Features (m, c) and labels (m,); without
            a copy once the bank is full. m may be 0.
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
