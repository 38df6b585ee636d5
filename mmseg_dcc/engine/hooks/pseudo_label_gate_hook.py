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
from ...utils.random_states import preserved_random_states
from ..pseudo_label_gate import CANDIDATES, GateCurve, advice, counts_of_image


@HOOKS.register_module()
class PseudoLabelGateHook(Hook):
    """Hook that measures the precision of pseudo labels on held-out images.

    It measures each term with a confidence threshold
    (:attr:`SemiTerm.gate`). ``gate_ratio_<term>`` in the log is the share of
    the pixels of held-out labeled images that pass the threshold,
    ``gate_precision_<term>`` the share of these whose label is right. While
    the term is active, a warning names the key to change if one of them is
    too low. Labels come from the mean teacher or the network, as in the term,
    in evaluation mode and on whole images.

    The hook does not change the training by a bit. The images are divided
    among the processes.

    Args:
        dataset (dict, optional): Config of labeled images that are not
            trained on, with a test pipeline; ``PartOfDataset`` or
            ``FolderSegDataset`` can hold some out. Defaults to None: the
            images of ``val_dataloader``.
        interval (int): Iterations between two measurements. Defaults to
            1000.
        max_images (int): Maximum number of images, evenly spaced. Defaults
            to 50.
        least_precision (float): Precision below which a warning is logged.
            Defaults to 0.9.
        least_ratio (float): Share of pixels with a label below which a
            warning is logged. Defaults to 0.01.

    Raises:
        TypeError: If the model has no terms.
        ValueError: If no term has a confidence threshold, or if images are
            missing, lack masks or are trained on.

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
        """Builds the held-out images and checks them."""
        model = bare_model(runner)
        if not any(term.gate for term in getattr(model, 'terms', {}).values()):
            kind = ValueError if hasattr(model, 'terms') else TypeError
            raise kind(
                'PseudoLabelGateHook needs a SemiEncoderDecoder with a term '
                'that has a confidence threshold, such as PseudoLabels. '
                'Change model.terms or remove the hook from custom_hooks.')
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
        """Measures if the interval is due."""
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
        """Curve over the images of all processes."""
        device = next(model.parameters()).device
        edges = torch.tensor(thresholds, device=device)
        counts = torch.zeros(
            2, len(edges), dtype=torch.int64, device=device)
        with preserved_random_states(), _evaluation(model):
            for images, index in self._images:
                counts += counts_of_image(model, images[index], edges)
        all_reduce(counts)
        return GateCurve(thresholds, *counts.tolist())

    def _warn(self, name: str, found: Optional[str]) -> None:
        """Logs a warning once, until its kind changes."""
        kind = (found or '').partition(':')[0]
        if kind and kind != self._warned.get(name):
            print_log(found, logger='current', level=logging.WARNING)
        self._warned[name] = kind


def check_held_out(images, trained_on) -> None:
    """Raises if held-out images have no masks or are trained on.

    Args:
        images (Dataset): Held-out images.
        trained_on (Dataset): Data set of the training, wrapped or not.

    Raises:
        ValueError: If the images have no masks, or some are among the labeled
            images of the training.
    """
    with preserved_random_states():
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
            'held-out images are labeled images of the training, on which '
            f'precision says nothing; the first is {shared[0]!r}. Hold them '
            "out with dict(type='PartOfDataset', part='train', dataset=...) "
            "in train_dataloader and part='val' in the hook.")


@contextmanager
def _evaluation(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; restores the modes afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training
