import logging
from contextlib import contextmanager
from typing import Dict, Iterator, Optional, Sequence

import torch
from mmengine.dist import all_reduce, get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmseg.registry import DATASETS, HOOKS
from torch import nn

from ...datasets import UnlabeledDataset
from ...datasets.plain_datasets import image_paths, plain_datasets
from ...utils.bare_model import bare_model
from ...utils.random_states import random_states_kept
from ..pseudo_label_gate import CANDIDATES, GateCurve, advice, counts_of_image


@HOOKS.register_module()
class PseudoLabelGateHook(Hook):
    """Precision of pseudo labels on images that nobody learns from.

    For each term with a least confidence (:attr:`SemiTerm.gate`): of the
    pixels of held-out labeled images that are confident enough, the share
    whose label is right, ``gate_precision_<term>`` in the log, and the share
    of all pixels that they are, ``gate_ratio_<term>``. A warning says which
    key to change if they are too low while the term is on. Labels are those
    of the mean teacher or of the network, as the term takes them, in
    evaluation mode and on whole images.

    The training ends with the same bits as without. The images are divided
    among the processes.

    Args:
        dataset (dict, optional): Config of labeled images that are not
            trained on, with the pipeline of a test; ``PartOfDataset`` or
            ``FolderSegDataset`` hold some out. Defaults to None: the images
            of ``val_dataloader``.
        interval (int): Iterations from one measurement to the next. Defaults
            to 1000.
        max_images (int): Of the images, evenly spaced. Defaults to 50.
        least_precision (float): Least share of right labels without a
            warning. Defaults to 0.9.
        least_ratio (float): Least share of pixels with a label without a
            warning. Defaults to 0.01.

    Raises:
        TypeError: If the model has no terms.
        ValueError: If no term has a least confidence, images are missing,
            lack masks or are trained on.

    Examples:
        >>> held_out = dict(
        ...     type='PartOfDataset', part='val', val_share=0.05,
        ...     dataset=dict(labeled_dataset, pipeline=test_pipeline))
        >>> custom_hooks = [dict(type='PseudoLabelGateHook', dataset=held_out)]
    """

    def __init__(self,
                 dataset: Optional[dict] = None,
                 interval: int = 1000,
                 max_images: int = 50,
                 least_precision: float = 0.9,
                 least_ratio: float = 0.01) -> None:
        if interval < 1 or max_images < 1:
            raise ValueError(
                'PseudoLabelGateHook: interval and max_images must be at '
                f'least 1, got {interval} and {max_images}.')
        self.dataset = dataset
        self.interval = interval
        self.max_images = max_images
        self.least_precision = least_precision
        self.least_ratio = least_ratio
        self._images: list = []
        self._warned: Dict[str, str] = {}

    def before_train(self, runner) -> None:
        """Finds the images and checks them."""
        model = bare_model(runner)
        if not any(term.gate for term in getattr(model, 'terms', {}).values()):
            kind = ValueError if hasattr(model, 'terms') else TypeError
            raise kind(
                'PseudoLabelGateHook needs a SemiEncoderDecoder with a term '
                'that has a least confidence, such as PseudoLabels. Change '
                'model.terms or remove the hook from custom_hooks.')
        if self.dataset is not None:
            images = DATASETS.build(self.dataset)
        elif runner.val_loop is not None:
            images = runner.val_loop.dataloader.dataset
        else:
            raise ValueError(
                'PseudoLabelGateHook has no labeled images: there is no '
                'val_dataloader. Set its dataset; see docs/watching.md.')
        check_held_out(images, runner.train_dataloader.dataset)
        count = min(self.max_images, len(images))
        chosen = [i * len(images) // count for i in range(count)]
        self._images = [(images, index)
                        for index in chosen[get_rank()::get_world_size()]]

    def after_train_iter(self,
                         runner,
                         batch_idx: int,
                         data_batch=None,
                         outputs=None) -> None:
        """Measures if it is time."""
        if not self.every_n_train_iters(runner, self.interval):
            return
        model = bare_model(runner)
        gates = {
            name: term.gate for name, term in model.terms.items() if term.gate
        }
        thresholds = sorted({*CANDIDATES, *(t for _, t in gates.values())})
        curves: Dict[bool, GateCurve] = {}
        for name, (key, threshold) in gates.items():
            term = model.terms[name]
            taught = term.needs_teacher
            if taught not in curves:
                curves[taught] = self._measure(
                    model.teacher if taught else model, thresholds)
            point = curves[taught].at(threshold)
            hub = runner.message_hub
            hub.update_scalar(f'train/gate_precision_{name}', point.precision)
            hub.update_scalar(f'train/gate_ratio_{name}', point.share)
            if model.unsup_enabled and term.is_on(model.iteration):
                self._warn(name, advice(
                    curves[taught], f'{key} of model.terms.{name}', threshold,
                    self.least_precision, self.least_ratio))

    def _measure(self, model: nn.Module,
                 thresholds: Sequence[float]) -> GateCurve:
        """Counts of the images of all processes."""
        device = next(model.parameters()).device
        edges = torch.tensor(thresholds, device=device)
        counts = torch.zeros(
            2, len(edges), dtype=torch.int64, device=device)
        with random_states_kept(), _evaluation(model):
            for images, index in self._images:
                counts += counts_of_image(model, images[index], edges)
        all_reduce(counts)
        return GateCurve(thresholds, *counts.tolist())

    def _warn(self, name: str, found: Optional[str]) -> None:
        """Says the same thing once, until it has changed."""
        kind = (found or '').partition(':')[0]
        if kind and kind != self._warned.get(name):
            print_log(found, logger='current', level=logging.WARNING)
        self._warned[name] = kind


def check_held_out(images, trained_on) -> None:
    """Compares held-out images with those of the training.

    Args:
        images (Dataset): Held out.
        trained_on (Dataset): Of the training, wrapped or not.

    Raises:
        ValueError: If they have no masks, or some are among the labeled
            images of the training.
    """
    with random_states_kept():
        if 'gt_sem_seg' not in images[0]['data_samples']:
            raise ValueError(
                f'PseudoLabelGateHook: the {len(images)} held-out images have '
                'no masks. Its dataset needs a pipeline with '
                'LoadAnnotations.')
    learned = set().union(*(
        image_paths(plain) for plain in plain_datasets(trained_on)
        if not isinstance(plain, UnlabeledDataset)))
    shared = sorted(image_paths(images) & learned)
    if shared:
        raise ValueError(
            f'PseudoLabelGateHook: {len(shared)} of the {len(images)} '
            'held-out images are labeled images of the training, which knows '
            f'them by heart; the first is {shared[0]!r}. Hold them out with '
            "dict(type='PartOfDataset', part='train', dataset=...) in "
            "train_dataloader and part='val' in the hook.")


@contextmanager
def _evaluation(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradient; the modes come back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training
