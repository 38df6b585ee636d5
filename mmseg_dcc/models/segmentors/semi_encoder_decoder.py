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


@MODELS.register_module()
class SemiEncoderDecoder(CascadeEncoderDecoder):
    """``EncoderDecoder`` that learns more than its masks.

    Total loss = stock supervised loss + terms (Eq. 9, for any method). Names
    of the weights, inference and heads are the stock segmentor's, so that
    checkpoints go both ways without renaming; what training alone needs lies
    under ``terms.``. A config with a list of decode heads and ``num_stages``
    is treated as ``CascadeEncoderDecoder`` does.

    Args:
        backbone (dict): See ``EncoderDecoder``.
        decode_head (dict | list[dict]): One head, or the heads of a cascade,
            that classifies every pixel with ``cls_seg``; docs/backbones.md
            lists those of mmseg.
        num_stages (int, optional): Number of heads of a cascade. Defaults to
            None: one head.
        data_preprocessor (dict, optional): Must be a
            :class:`SemiSegDataPreProcessor` for training.
        terms (dict[str, dict], optional): Configs of :class:`SemiTerm`\\ s.
            Defaults to None: supervised training.
        sup_weight (float): Weight of the supervised losses. Defaults to 1.
        unlabeled_norm_eval (bool): Whether batch norms use their running
            statistics in the passes of unlabeled images, which then do not
            change them. For trainings with few images a batch: statistics of
            four mixed crops are not those of the images to be tested.
            Defaults to False, as in the published codes of all methods.
        **kwargs: See ``EncoderDecoder``.

    Raises:
        TypeError: If no decode head classifies pixels with ``cls_seg``, or
            an argument is unknown.
        ImportError: If the backbone is of a package that is not imported.
        ValueError: If the heads do not learn the same classes.

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
        """The head whose ``cls_seg`` classifies every pixel."""
        return pixel_heads(self.decode_head)[-1]

    @property
    def in_channels(self) -> int:
        """Channels of the images that the backbone takes."""
        return next(parameter.shape[1]
                    for parameter in self.backbone.parameters()
                    if parameter.dim() == 4)

    @property
    def teacher(self) -> nn.Module:
        """The mean teacher.

        Raises:
            RuntimeError: If there is none.
        """
        if not self._teacher:
            raise RuntimeError(
                "A term needs a teacher. Add dict(type='MeanTeacherHook') to "
                'custom_hooks.')
        return self._teacher[0]

    def set_teacher(self, teacher: nn.Module) -> None:
        """Takes the model that gives pseudo labels.

        Args:
            teacher (SemiEncoderDecoder): Of the same config. It becomes no
                part of this module: the hook saves it.
        """
        for name, module in teacher.named_children():
            # which it shares with the student
            if name != 'terms':
                module.eval()
        self._teacher = (teacher, )

    def scores_of(self, features: Tensor, size) -> Tensor:
        """Scores of the classifier in training, at image size.

        Args:
            features (Tensor): What enters the classifier, (N, c, h, w).
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
        """Supervised losses and those of the terms, of one batch.

        A batch as the stock segmentor takes it, such as one of validation,
        has the stock losses under the stock names. They are all that is
        computed where no unlabeled images are and the model does not train:
        no term takes notice.

        Args:
            inputs (dict[str, Tensor] | Tensor): ``sup``: labeled images,
                shape (B, C, H, W). ``unsup``: views of the unlabeled ones,
                shape (U, V, C, H, W), or None in the warm-up. Or labeled
                images alone.
            data_samples (dict[str, list[SegDataSample]] |
                list[SegDataSample]): Likewise.

        Returns:
            dict[str, Tensor]: Losses and diagnostics: ``sup_*``,
            ``unsup_loss_<term>`` and ``unsup_*``.

        Raises:
            TypeError: If a batch of the training is not split into the two
                parts.
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
            if weights:
                batch = self._batch(inputs, data_samples, recorded)
                losses.update(self._unsup_losses(weights, batch))
        for name, term in self.terms.items():
            if name not in weights:
                losses[f'unsup_loss_{name}'] = (
                    term.idle_loss() + inputs['sup'].new_zeros(()))
        return losses

    def _check_preprocessor(self, inputs) -> None:
        """No term would ever learn in a training on stock batches."""
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
        """Weights of the terms that are on in this iteration."""
        return {
            name: term.weight_at(self.iteration, self.warmup_iters)
            for name, term in self.terms.items()
            if self.unsup_enabled and term.is_on(self.iteration)
        }

    @torch.compiler.disable
    def _batch(self, inputs: dict, data_samples: dict,
               recorded: list) -> SemiBatch:
        if inputs['unsup'] is None:
            raise RuntimeError(
                'The warm-up of the model is over, but the batch sampler '
                'still leaves the unlabeled images out. SupervisedWarmupHook '
                'keeps the two together with EpochBasedTrainLoop and '
                'IterBasedTrainLoop; set '
                'train_dataloader.batch_sampler.warmup_iters to 0 in a hook '
                'of your own for another loop.')
        labeled = LabeledPart(inputs['sup'], data_samples['sup'], recorded,
                              self.pixel_head)
        return SemiBatch(self, labeled, inputs['unsup'],
                         data_samples['unsup'])

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
                    key = f'{key.replace("loss", f"loss_{name}", 1)}'
                    if not weight:
                        value = term.idle_loss() + torch.zeros_like(value)
                    elif key == f'loss_{name}':
                        value = weight * value
                elif f'unsup_{key}' in losses:  # two terms of one kind
                    key = f'{key}_{name}'
                losses[f'unsup_{key}'] = value
        return losses
