import copy
from typing import Dict, List, Optional, Tuple, Union

import torch
from mmengine.model import ModuleDict
from mmseg.models.segmentors import CascadeEncoderDecoder, EncoderDecoder
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor, nn

from ...utils.arguments import refuse_unknown_arguments
from ..finite_buffers import keep_finite_buffers
from ..head_checks import (
    check_head_types,
    check_heads,
    check_package_of_backbone,
)
from ..head_features import pixel_heads, recorded_classifier
from ..semi_batch import LabeledPart, SemiBatch, at_image_size
from ..semi_data_preprocessor import SemiSegDataPreProcessor
from ..shared_bank import SharedBank
from ..terms.semi_term import SemiTerm


@MODELS.register_module()
class SemiEncoderDecoder(CascadeEncoderDecoder):
    """Semi-supervised ``EncoderDecoder`` or ``CascadeEncoderDecoder``.

    Total loss = stock supervised loss + losses of the terms (Eq. 9, for any
    method). Weights keep their stock names, and heads and inference are the
    stock ones, so that checkpoints can be exchanged with stock segmentors in
    both directions. Everything that only training needs has the prefix
    ``terms.``. With a list of decode heads and ``num_stages`` the model is a
    ``CascadeEncoderDecoder``.

    Args:
        backbone (dict): See ``EncoderDecoder``.
        decode_head (dict | list[dict]): One head, or the heads of a cascade.
            It must classify every pixel with ``cls_seg``;
            docs/backbones.md lists those of mmseg that do.
        num_stages (int, optional): Number of heads of a cascade. Defaults to
            None: one head.
        data_preprocessor (dict, optional): Must be a
            :class:`SemiSegDataPreProcessor` for training.
        terms (dict[str, dict], optional): Configs of :class:`SemiTerm`\\ s.
            Defaults to None: supervised training.
        sup_weight (float): Weight of the supervised losses. Defaults to 1.
        unlabeled_norm_eval (bool): Whether batch norms are in evaluation
            mode in the passes of unlabeled images, which then do not change
            their running statistics. Useful for small batches: statistics of
            four mixed crops differ from those of test images. Not for CPS,
            whose networks then agree on one class. Defaults to False, as
            in the published codes of all methods.
        **kwargs: See ``EncoderDecoder``.

    Raises:
        TypeError: If no decode head classifies pixels with ``cls_seg``, or
            an argument is unknown.
        ImportError: If the package of the backbone is not imported.
        ValueError: If the heads differ in their number of classes.

    Examples:
        >>> model = dict(
        ...     type='SemiEncoderDecoder',
        ...     data_preprocessor=dict(type='SemiSegDataPreProcessor'),
        ...     terms=dict(
        ...         dc=dict(type='DirectionalContrast', views=('a', 'b')),
        ...         pseudo=dict(type='PseudoLabels', label_view='a',
        ...                     train_views=('a', ), mix='cutmix')))
    """

    def __init__(self,
                 backbone: Optional[dict] = None,
                 decode_head: Optional[dict] = None,
                 num_stages: Optional[int] = None,
                 data_preprocessor: Optional[dict] = None,
                 terms: Optional[Dict[str, dict]] = None,
                 sup_weight: float = 1.,
                 unlabeled_norm_eval: bool = False,
                 **kwargs) -> None:
        check_head_types(decode_head, backbone)
        refuse_unknown_arguments('model', kwargs, type(self))
        check_package_of_backbone(backbone)
        # The method resolution order of a cascade's methods begins at the
        # class that suits the head.
        self._stock_class = (
            EncoderDecoder if num_stages is None else CascadeEncoderDecoder)
        stock = dict(backbone=backbone, decode_head=decode_head, **kwargs)
        if num_stages is not None:
            stock['num_stages'] = num_stages
        #: For terms with a second network. Building changes the dicts.
        self.stock_config = copy.deepcopy(
            dict(stock, type=self._stock_class.__name__))
        super().__init__(
            num_stages=num_stages,
            backbone=backbone,
            decode_head=decode_head,
            data_preprocessor=data_preprocessor,
            **kwargs)
        check_heads(self.decode_head, getattr(self, 'auxiliary_head', None))
        # Lets the preprocessor check label ids where they are still on the
        # host and the file name is known.
        self.data_preprocessor.num_classes = self.num_classes
        self.data_preprocessor.ignore_index = self.pixel_head.ignore_index
        self.sup_weight = sup_weight
        self.unlabeled_norm_eval = unlabeled_norm_eval
        # Set by SupervisedWarmupHook in each iteration.
        self.unsup_enabled = True
        self.iteration = self.warmup_iters = self.max_iters = 0
        self._teacher: Tuple[nn.Module, ...] = ()
        self.terms = ModuleDict()
        for name, config in (terms or {}).items():
            if config is not None:
                refuse_unknown_arguments(
                    f'model.terms.{name}',
                    config,
                    config.get('type'),
                    registry=MODELS)
                self.terms[name] = MODELS.build(config)
                self.terms[name].bind(self)
        # A bank is the same on every process by itself: DDP need not send
        # it, whatever broadcast_buffers says.
        self._ddp_params_and_buffers_to_ignore = [
            f'{name}.{buffer}' for name, module in self.named_modules()
            if isinstance(module, SharedBank)
            for buffer, _ in module.named_buffers()
        ]

    @property
    def pixel_head(self) -> nn.Module:
        """Decode head whose ``cls_seg`` classifies every pixel."""
        return pixel_heads(self.decode_head)[-1]

    @property
    def in_channels(self) -> int:
        """Number of image channels that the backbone takes."""
        return next(parameter.shape[1]
                    for parameter in self.backbone.parameters()
                    if parameter.dim() == 4)

    @property
    def teacher(self) -> nn.Module:
        """Mean teacher of the model.

        Raises:
            RuntimeError: If no teacher was set.
        """
        if not self._teacher:
            raise RuntimeError(
                "A term needs a teacher. Add dict(type='MeanTeacherHook') to "
                'custom_hooks.')
        return self._teacher[0]

    def set_teacher(self, teacher: nn.Module) -> None:
        """Sets the model that predicts pseudo labels.

        Args:
            teacher (SemiEncoderDecoder): Model of the same config. It is not
                registered as a submodule: the hook saves it.
        """
        for name, module in teacher.named_children():
            # which it shares with the student
            if name != 'terms':
                module.eval()
        self._teacher = (teacher, )

    def scores_of(self, features: Tensor, size) -> Tensor:
        """Scores of the classifier at image size.

        Args:
            features (Tensor): Input of the classifier, (N, c, h, w).
            size (tuple[int, int]): Height and width of the images.

        Returns:
            Tensor: Shape (N, out_channels, H, W).
        """
        head = self.pixel_head
        return at_image_size(head, head.cls_seg(features), size)

    def _init_decode_head(self, decode_head) -> None:
        self._stock_class._init_decode_head(self, decode_head)

    def encode_decode(self, inputs: Tensor,
                      batch_img_metas: List[dict]) -> Tensor:
        """See ``EncoderDecoder``."""
        return self._stock_class.encode_decode(self, inputs, batch_img_metas)

    def _decode_head_forward_train(self, inputs, data_samples) -> dict:
        return self._stock_class._decode_head_forward_train(
            self, inputs, data_samples)

    def _forward(self, inputs: Tensor, data_samples=None) -> Tensor:
        return self._stock_class._forward(self, inputs, data_samples)

    # The parts are compiled, but not what depends on the iteration: that
    # would be done anew in each.
    @torch.compiler.disable(recursive=False)
    def loss(self, inputs: Union[dict, Tensor],
             data_samples: Union[dict, SampleList]) -> dict:
        """Supervised losses and losses of the terms for one batch.

        A stock batch, such as one of validation, gets the stock losses under
        their stock names. In evaluation mode a batch without unlabeled
        images gets the supervised losses, and no term is called.

        Args:
            inputs (dict[str, Tensor] | Tensor): ``sup``: labeled images,
                shape (B, C, H, W). ``unsup``: views of the unlabeled images,
                shape (U, V, C, H, W), or None in the warm-up. A tensor is a
                stock batch of labeled images.
            data_samples (dict[str, list[SegDataSample]] |
                list[SegDataSample]): Samples of the images, in the structure
                of ``inputs``.

        Returns:
            dict[str, Tensor]: Losses and diagnostics: ``sup_*``,
            ``unsup_loss_<term>`` and ``unsup_*``.

        Raises:
            TypeError: If a training batch is not split into ``sup`` and
                ``unsup``.
        """
        if not isinstance(inputs, dict):
            self._check_preprocessor(inputs)
            return super().loss(inputs, data_samples)
        weights = self._weights()
        if inputs['unsup'] is None and not self.training:
            weights = {}
        with keep_finite_buffers(self):
            recorded: list = []
            if any(self.terms[name].needs_labeled for name in weights):
                losses = self._recorded_stock_loss(inputs['sup'],
                                                   data_samples['sup'],
                                                   recorded)
            else:
                losses = super().loss(inputs['sup'], data_samples['sup'])
            losses = {
                f'sup_{key}':
                value * self.sup_weight if 'loss' in key else value
                for key, value in losses.items()
            }
            labeled = LabeledPart(inputs['sup'], data_samples['sup'], recorded,
                                  self.pixel_head)
            if weights:
                batch = self._batch(labeled, inputs, data_samples)
                losses.update(self._unsup_losses(weights, batch))
            for name, term in self.terms.items():
                if name not in weights:
                    losses.update(self._idle_losses(name, term, labeled))
        return losses

    def _check_preprocessor(self, inputs) -> None:
        """Raises an error if a model with terms trains on stock batches."""
        if self.training and self.terms and not isinstance(
                self.data_preprocessor, SemiSegDataPreProcessor):
            raise TypeError(
                f'{type(self).__name__} expects a batch split into "sup" and '
                f'"unsup", got {type(inputs).__name__}. Set model.'
                "data_preprocessor.type='SemiSegDataPreProcessor'.")

    # The method that is swapped for a moment would be compiled at each call.
    @torch.compiler.disable
    def _recorded_stock_loss(self, images: Tensor, samples: SampleList,
                             recorded: list) -> dict:
        with recorded_classifier(self.pixel_head) as calls:
            losses = super().loss(images, samples)
        recorded.extend(calls)
        return losses

    @torch.compiler.disable
    def _weights(self) -> Dict[str, float]:
        """Weights of the terms that are active in this iteration."""
        return {
            name: term.weight_at(self.iteration, self.warmup_iters)
            for name, term in self.terms.items()
            if self.unsup_enabled and term.is_on(self.iteration)
        }

    @torch.compiler.disable
    def _batch(self, labeled: LabeledPart, inputs: dict,
               data_samples: dict) -> SemiBatch:
        if inputs['unsup'] is None:
            raise RuntimeError(
                'The warm-up of the model is over, but the batch sampler '
                'still leaves the unlabeled images out. SupervisedWarmupHook '
                'keeps the two together with EpochBasedTrainLoop and '
                'IterBasedTrainLoop; set '
                'train_dataloader.batch_sampler.warmup_iters to 0 in a hook '
                'of your own for another loop.')
        return SemiBatch(self, labeled, inputs['unsup'],
                         data_samples['unsup'])

    def _idle_losses(self, name: str, term: SemiTerm,
                     labeled: LabeledPart) -> dict:
        """Losses of a term that is not active."""
        losses = term.warmup_losses(labeled) if self.training else {}
        idle = term.idle_loss() + labeled.images.new_zeros(())
        return {
            f'unsup_loss_{name}': idle,
            **{
                f'unsup_{_of_term(key, name)}': value
                for key, value in losses.items()
            }
        }

    @torch.compiler.disable(recursive=False)
    def _unsup_losses(self, weights: Dict[str, float],
                      batch: SemiBatch) -> dict:
        losses: dict = {}
        # Those without weight come last: what they compute has no graph.
        for name in sorted(weights, key=lambda name: not weights[name]):
            term, weight = self.terms[name], weights[name]
            with torch.set_grad_enabled(torch.is_grad_enabled()
                                        and weight > 0):
                found = term.loss(batch)
            for key, value in found.items():
                if key == 'loss' or key.startswith('loss_'):
                    key = _of_term(key, name)
                    if not weight:
                        value = term.idle_loss() + torch.zeros_like(value)
                    elif key == f'loss_{name}':
                        value = weight * value
                elif f'unsup_{key}' in losses:  # two terms of one kind
                    key = f'{key}_{name}'
                losses[f'unsup_{key}'] = value
        return losses


def _of_term(key: str, name: str) -> str:
    """Key of a loss with the name of its term: ``loss_<name>_partner``."""
    return key.replace('loss', f'loss_{name}', 1)
