"""Base class of the terms that are added to the supervised loss."""
from abc import abstractmethod
from typing import Optional, Sequence, Tuple, Union

from mmengine.model import BaseModule
from torch import Tensor, nn

from ...datasets.checks import find_transform
from ...datasets.plain_datasets import unlabeled_datasets
from ...datasets.transforms import MultiView
from ..semi_batch import LabeledPart, SemiBatch
from .mixer import warn_about_single_images
from .ramp import Ramp


class SemiTerm(BaseModule):
    """Base class of terms: total loss = supervised loss + terms (Eq. 9).

    A method is a subclass in its own file; docs/write_a_term.md shows one.
    Networks, banks and projectors are submodules of their term. They are
    saved in the training checkpoint under ``terms.<name>.`` and dropped when
    the model is published.

    Args:
        views (Sequence[str]): Names of the views that the term uses, as in
            ``MultiView`` of the unlabeled pipeline. Defaults to ().
        weight (float | dict): Weight of the key ``loss`` of :meth:`loss`,
            >= 0: a number, or the arguments of :class:`Ramp`. 0 serves as
            the control of an experiment: forward passes update the batch
            norm statistics, but the term has no gradient. Defaults to 1.
        start_iters (int): First training iteration in which the term is
            active, if later than the end of the warm-up. Defaults to 0.
        init_cfg (dict, optional): See ``BaseModule``. Defaults to None.

    Examples:
        >>> model = dict(
        ...     type='SemiEncoderDecoder',
        ...     terms=dict(
        ...         pseudo=dict(
        ...             type='PseudoLabels',
        ...             weight=dict(peak=1., iters=1000),
        ...             start_iters=2000)))
    """

    #: Whether the term reads ``View.teacher_scores``.
    needs_teacher = False
    #: :class:`Mixer` of the term, if it mixes images of a batch.
    mixer = None
    #: Whether the term reads features or scores of ``SemiBatch.labeled``.
    needs_labeled = False
    #: Whether the term reads ``View.masks('weak')``.
    needs_weak_masks = False

    def __init__(self,
                 views: Sequence[str] = (),
                 weight: Union[float, dict] = 1.,
                 start_iters: int = 0,
                 init_cfg: dict = None) -> None:
        super().__init__(init_cfg)
        self.views = tuple(views)
        self.weight = Ramp.of(weight)
        self.start_iters = start_iters

    @property
    def gate(self) -> Optional[Tuple[str, float]]:
        """Config key and value of the confidence threshold of pseudo labels.

        The key is relative to the config of the term, such as 'threshold'.
        None if the term has no threshold; ``PseudoLabelGateHook`` then skips
        it.
        """
        return None

    def bind(self, segmentor: nn.Module) -> None:
        """Builds submodules that depend on the segmentor, such as a projector.

        Called once, when the segmentor is built. Do not store the segmentor
        as an attribute: it is the parent module of the term.

        Args:
            segmentor (SemiEncoderDecoder): Segmentor before its weights are
                loaded.
        """

    def check(self, segmentor: nn.Module, loader) -> None:
        """Checks model and data before training.

        Args:
            segmentor (SemiEncoderDecoder): The segmentor in training.
            loader (DataLoader): The training dataloader.

        Raises:
            ValueError: If the unlabeled pipeline lacks a view.
        """
        for dataset in unlabeled_datasets(loader.dataset):
            multi_view = find_transform(dataset, MultiView)
            missing = [
                name for name in self.views
                if multi_view and name not in multi_view.views
            ]
            if missing:
                raise ValueError(
                    f'{type(self).__name__} uses the view(s) {missing}, '
                    'but the unlabeled pipeline makes '
                    f'{[*multi_view.views]}. Change MultiView.views of the '
                    'unlabeled dataset, or the names in model.terms.')
        if self.mixer:
            warn_about_single_images(loader)

    def is_on(self, iteration: int) -> bool:
        """Whether ``start_iters`` is reached in this iteration."""
        return iteration >= self.start_iters

    def weight_at(self, iteration: int, warmup_iters: int) -> float:
        """Weight of the loss in this iteration of the training."""
        return self.weight(iteration - max(self.start_iters, warmup_iters))

    @abstractmethod
    def loss(self, batch: SemiBatch) -> dict:
        """Losses and diagnostics of one batch.

        Args:
            batch (SemiBatch): Labeled images and views.

        Returns:
            dict[str, Tensor]: ``loss``, which the segmentor multiplies by
            the weight; ``loss_*``, unweighted losses of networks of the
            term; diagnostics, whose names must not contain "loss". Every
            parameter of the term must be part of a loss.
        """

    def warmup_losses(self, labeled: LabeledPart) -> dict:
        """Losses of networks of the term while the term is not active yet.

        For networks whose labels the term will use: an untrained network
        would teach noise from the first step on.

        Args:
            labeled (LabeledPart): Labeled part of the batch.

        Returns:
            dict[str, Tensor]: ``loss_*``, as in :meth:`loss`. Defaults to no
            losses.
        """
        return {}

    def idle_loss(self) -> Tensor:
        """Zero loss with a graph to every parameter, which DDP expects."""
        return 0. * sum(p.sum() for p in self.parameters() if p.requires_grad)
