"""Base of everything that a segmentor learns beside its masks."""
from abc import abstractmethod
from typing import Optional, Sequence, Tuple, Union

from mmengine.model import BaseModule
from torch import Tensor, nn

from ...datasets.checks import find_transform
from ...datasets.plain_datasets import unlabeled_datasets
from ...datasets.transforms import MultiView
from ..semi_batch import SemiBatch
from .mixer import warn_about_single_images
from .ramp import Ramp


class SemiTerm(BaseModule):
    """Term of the total loss: stock supervised loss plus terms (Eq. 9).

    A method is a subclass in a file of its own; docs/write_a_term.md shows
    one. Its networks, banks and projectors are its submodules: they are in
    the checkpoint of the training under ``terms.<name>.`` and are dropped
    when the model is published.

    Args:
        views (Sequence[str]): Names of the views that the term looks at, as
            in ``MultiView`` of the unlabeled pipeline. Defaults to ().
        weight (float | dict): Weight of the key ``loss`` of :meth:`loss`,
            >= 0: a number, or the arguments of :class:`Ramp`. 0 is the
            control of an experiment: the passes update the BN statistics,
            nothing goes backward. Defaults to 1.
        start_iters (int): Iterations of the training before the term is on,
            if that is later than the end of the warm-up. Defaults to 0.
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
    #: Its :class:`Mixer`, if it mixes images of a batch.
    mixer = None
    #: Whether it reads features or scores of ``SemiBatch.labeled``.
    needs_labeled = False
    #: Whether it reads ``View.masks('weak')``.
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
        """Least confidence of a label that the term learns, and its key.

        The key is that of the term's config, such as 'threshold'. None: the
        term has no such bound, and ``PseudoLabelGateHook`` leaves it out.
        """
        return None

    def bind(self, segmentor: nn.Module) -> None:
        """Builds what depends on the segmentor, such as a projector.

        Called once, when the segmentor is built. The segmentor must not be
        kept: it becomes the parent of this module.

        Args:
            segmentor (SemiEncoderDecoder): Without weights loaded.
        """

    def check(self, segmentor: nn.Module, loader) -> None:
        """Tells before training what would fail in it.

        Args:
            segmentor (SemiEncoderDecoder): The segmentor in training.
            loader (DataLoader): Of the training.

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
                    f'{type(self).__name__} looks at the view(s) {missing}, '
                    'but the unlabeled pipeline makes '
                    f'{[*multi_view.views]}. Change MultiView.views of the '
                    'unlabeled dataset, or the names in model.terms.')
        if self.mixer:
            warn_about_single_images(loader)

    def is_on(self, iteration: int) -> bool:
        """Whether the term has begun, after the warm-up."""
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
            dict[str, Tensor]: ``loss``, which is weighted; ``loss_*`` of
            networks of the term's own, which are not; diagnostics, whose
            names must not hold the word "loss". Every parameter of the term
            must be reached.
        """

    def idle_loss(self) -> Tensor:
        """Zero that reaches every parameter: DDP waits for each."""
        return 0. * sum(p.sum() for p in self.parameters() if p.requires_grad)
