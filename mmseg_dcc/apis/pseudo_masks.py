"""Self-training, step 2 of 3: masks of the unlabeled images by a network.

1. Train the teacher on the labeled images alone.
2. Let it label the other images; pixels that it is unsure of are ignored.
3. Train the student on both.

The config is the student's. The last data set of its training names the images
and, as data_prefix.seg_map_path, the folder for the masks.

With --tta the teacher sees every image at the scales of the config's
tta_pipeline and mirrored, and the mean of the probabilities counts: better
masks, for as many passes through the network; so do several checkpoints, of
trainings with other seeds. With --logit-adjustment small
classes, which a network trained on few masks hardly finds, get more pixels.

Example (Table 3, ST):
    python tools/train.py configs/supervised/pspnet_r50_voc_1-8.py
    python tools/make_pseudo_masks.py \
        configs/ablation/pspnet_r50_voc_1-8_self_training.py \
        work_dirs/pspnet_r50_voc_1-8/epoch_80.pth
    python tools/train.py configs/ablation/pspnet_r50_voc_1-8_self_training.py
"""
import argparse
import json
from pathlib import Path
from typing import List, Optional, Sequence

from launch import add_common_arguments, exit_without_data, load_config
from publish_model import stock_model

from dataset_tools.config_datasets import plain_datasets  # isort: skip
from dataset_tools.list_files import (  # isort: skip
    InputError, exit_on_input_error, written_atomically)
from dataset_tools.mask_image import UNKNOWN, mask_image  # isort: skip
import torch
from mmengine.config import Config
from mmengine.dist import barrier, is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel, BaseTTAModel, ModuleList
from mmengine.registry import init_default_scope
from mmengine.runner import CheckpointLoader, Runner
from mmengine.structures import PixelData
from mmseg.registry import DATASETS, METRICS, MODELS
from mmseg.structures import SegDataSample
from torch import Tensor
from torch.nn import Module

from mmseg_dcc.engine.cpu_processes import run_on_cpu_if_needed

MARKER = 'pseudo_masks.json'


def mean_scores(scores: Sequence[Tensor]) -> Tensor:
    """Scores that stand for the mean of the probabilities of several.

    Args:
        scores (Sequence[Tensor]): Before softmax, shape (classes, H, W) each;
            of one foreground class before sigmoid, shape (1, H, W).

    Returns:
        Tensor: Likewise, of the shape of one.
    """
    stacked = torch.stack(list(scores))
    if stacked.size(1) == 1:
        return stacked.sigmoid().mean(0).logit()
    return stacked.softmax(1).mean(0).log()


def mask_loading_of(source: dict) -> list:
    """The steps of a data set that load masks; unlabeled ones have none."""
    return [
        step for step in source['pipeline']
        if step['type'] == 'LoadAnnotations'
    ]


def class_shares(sources: Sequence[dict], num_classes: int) -> Tensor:
    """Share of each class among the labeled pixels.

    Args:
        sources (Sequence[dict]): Configs of the labeled data sets.
        num_classes (int): Number of classes.

    Returns:
        Tensor: Shape (classes, ).

    Raises:
        InputError: If no pixel has a label.
    """
    counts = torch.zeros(num_classes, dtype=torch.long)
    init_default_scope('mmseg')
    for source in sources:
        load = mask_loading_of(source)
        for sample in DATASETS.build(dict(source, pipeline=load)):
            mask = torch.from_numpy(sample['gt_seg_map']).long()
            counts += mask[mask < num_classes].bincount(minlength=num_classes)
    if not counts.any():
        raise InputError(
            '--logit-adjustment: the labeled data sets of the config have no '
            'pixel of any class.')
    return counts / counts.sum()


def adjustments(shares: Tensor, power: float) -> List[float]:
    """What is added to the scores: -power * log(share).

    Logit adjustment after training, Menon et al., "Long-tail learning via
    logit adjustment", ICLR 2021, Eq. 9. Classes without a pixel get nothing:
    the network has not learned them.

    Args:
        shares (Tensor): See :func:`class_shares`.
        power (float): 0: nothing is added; 1: as if all classes were equally
            frequent.

    Returns:
        list[float]: For each class.
    """
    return (-power * shares.where(shares > 0, shares.new_ones(())).log()
            ).tolist()


def pseudo_mask(scores: Tensor,
                confidence_threshold: float,
                adjustment: Optional[Sequence[float]] = None) -> Tensor:
    """Class of each pixel, 255 where its probability is too low.

    Args:
        scores (Tensor): Scores before softmax, shape (classes, H, W); of one
            foreground class before sigmoid, shape (1, H, W).
        confidence_threshold (float): Lowest probability, in [0, 1).
        adjustment (Sequence[float], optional): Added to the scores of each
            class; of background and foreground if there is one foreground
            class. Defaults to None.

    Returns:
        Tensor: Shape (H, W), uint8.
    """
    if len(scores) == 1:
        scores = torch.cat([torch.zeros_like(scores), scores])
    if adjustment is not None:
        scores = scores + scores.new_tensor(adjustment)[:, None, None]
    confidence, labels = scores.softmax(0).max(0)
    labels[confidence < confidence_threshold] = UNKNOWN
    return labels.byte()


def as_stored(mask: Tensor, dataset_meta: dict) -> Tensor:
    """Ids that the data set turns back into these when it loads a mask.

    Undoes ``label_map`` and ``reduce_zero_label`` of mmseg.

    Args:
        mask (Tensor): Classes and 255, shape (H, W), uint8.
        dataset_meta (dict): ``metainfo`` of the data set.

    Returns:
        Tensor: Shape (H, W), uint8.
    """
    stored = mask.clone()
    for old, new in (dataset_meta.get('label_map') or {}).items():
        stored[mask == new] = old
    stored[mask == UNKNOWN] = UNKNOWN
    if dataset_meta.get('reduce_zero_label'):
        stored += 1  # 255 becomes 0, which is ignored there
    return stored


def mean_predictions(
        predictions: Sequence[Sequence[SegDataSample]]) -> List[SegDataSample]:
    """One sample for each image, with the mean of its predictions.

    Args:
        predictions (Sequence[Sequence[:obj:`SegDataSample`]]): Those of each
            image, with ``seg_logits``.

    Returns:
        list[:obj:`SegDataSample`]: The first of each image, changed.
    """
    merged = []
    for samples in predictions:
        scores = mean_scores([sample.seg_logits.data for sample in samples])
        samples[0].seg_logits = PixelData(data=scores)
        merged.append(samples[0])
    return merged


def load_weights(network: Module, checkpoint: str) -> None:
    """Loads all weights of the network; others, of a projector, may be there.

    Args:
        network (Module): The network.
        checkpoint (str): The file.

    Raises:
        InputError: If a weight is missing or has another shape.
    """
    loaded = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')
    weights = loaded.get('state_dict', loaded)
    own = network.state_dict()
    absent = [
        name for name, value in own.items()
        if name not in weights or weights[name].shape != value.shape
    ]
    if absent:
        raise InputError(
            f'{checkpoint} is not of the network in the config: {absent[0]} '
            f'and {len(absent) - 1} more of its {len(own)} weights are '
            'missing or have another shape. Masks of such a network would be '
            'noise: give a config whose model is that of the teacher.')
    network.load_state_dict(weights, strict=False)


@MODELS.register_module()
class Teachers(BaseModel):
    """Networks of one config whose mean prediction counts.

    Args:
        network (dict): The config.
        checkpoints (Sequence[str]): Files of their weights.
        data_preprocessor (dict, optional): Of the networks if their config
            has none. Defaults to None.

    Raises:
        InputError: If a file has the weights of another network.
    """

    def __init__(self,
                 network: dict,
                 checkpoints: Sequence[str],
                 data_preprocessor: Optional[dict] = None) -> None:
        super().__init__()
        network = dict(network)
        network.setdefault('data_preprocessor', data_preprocessor)
        self.networks = ModuleList()
        for checkpoint in checkpoints:
            self.networks.append(MODELS.build(network))
            load_weights(self.networks[-1], checkpoint)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        raise NotImplementedError('Teachers only label: see test_step.')

    def test_step(self, data: dict) -> List[SegDataSample]:
        """Predictions for one batch."""
        return mean_predictions(
            list(zip(*(network.test_step(data)
                       for network in self.networks))))


@MODELS.register_module()
class MeanScoresTTAModel(BaseTTAModel):
    """Keeps the mean itself; mmseg's model keeps which class it is for."""

    def merge_preds(
            self, data_samples_list: List[List[SegDataSample]]
    ) -> List[SegDataSample]:
        """One sample of the views of each image."""
        return mean_predictions(data_samples_list)


@METRICS.register_module()
class PseudoMaskWriter(BaseMetric):
    """Writes a mask where the sample says its mask is.

    Args:
        confidence_threshold (float): See :func:`pseudo_mask`.
        adjustment (Sequence[float], optional): Likewise. Defaults to None.
    """

    def __init__(self,
                 confidence_threshold: float,
                 adjustment: Optional[Sequence[float]] = None) -> None:
        super().__init__()
        self.confidence_threshold = confidence_threshold
        self.adjustment = adjustment

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Writes the masks of one batch."""
        for sample in data_samples:
            mask = pseudo_mask(sample['seg_logits']['data'],
                               self.confidence_threshold, self.adjustment)
            self.results.append((mask != UNKNOWN).float().mean().item())
            mask = as_stored(mask, self.dataset_meta)
            with written_atomically(Path(sample['seg_map_path'])) as path:
                mask_image(mask.cpu().numpy()).save(path)

    def compute_metrics(self, results: list) -> dict:
        """How many masks there are and how much of them is not ignored."""
        return dict(
            masks=len(results),
            labeled_pixels=round(100 * sum(results) / max(len(results), 1), 2))


def without_annotations(pipeline: list) -> list:
    """The steps of a test but for those that load a mask.

    Args:
        pipeline (list[dict]): Of the config, perhaps with ``TestTimeAug``.

    Returns:
        list[dict]: Of other objects.
    """
    kept = []
    for step in pipeline:
        if step['type'] == 'LoadAnnotations':
            continue
        if step['type'] == 'TestTimeAug':
            choices = map(without_annotations, step['transforms'])
            step = dict(step, transforms=[steps for steps in choices if steps])
        kept.append(step)
    return kept


def labeling_config(cfg: Config,
                    checkpoints: Sequence[str],
                    confidence_threshold: float,
                    tta: bool = False,
                    adjustment_power: float = 0.) -> Config:
    """Turns the student's config into one that tests on the images.

    Args:
        cfg (Config): Of the student: the last data set of its training that
            loads masks is the one to be labeled.
        checkpoints (Sequence[str]): Of the teachers.
        confidence_threshold (float): See :func:`pseudo_mask`.
        tta (bool): Test-time augmentation. Defaults to False.
        adjustment_power (float): See :func:`adjustments`. Defaults to 0.

    Raises:
        InputError: If there is one data set only, or no ``tta_pipeline``
            where one is needed.
    """
    sources = [
        source for source in plain_datasets(cfg.train_dataloader.dataset)
        if mask_loading_of(source)
    ]
    if len(sources) < 2 or not sources[-1].data_prefix.get('seg_map_path'):
        raise InputError(
            f'{cfg.filename} trains on {len(sources)} data set(s) with masks. '
            'Give the config of the student: its train_dataloader.dataset.'
            'datasets are the labeled images and the images to be labeled, '
            'with data_prefix.seg_map_path as the folder for their masks.')
    pipeline = cfg.test_dataloader.dataset.pipeline
    num_classes = cfg.model.decode_head.num_classes
    cfg.model = dict(
        type='Teachers',
        # the teacher may have learned by another method
        network=stock_model(cfg.model.to_dict()),
        checkpoints=list(checkpoints))
    if tta:
        pipeline = cfg.get('tta_pipeline')
        if not pipeline:
            raise InputError('--tta needs a tta_pipeline in the config; that '
                             'of configs/_base_/evaluation.py is an example.')
        cfg.model = dict(type='MeanScoresTTAModel', module=cfg.model)
    dataset = dict(
        sources[-1], test_mode=True, pipeline=without_annotations(pipeline))
    cfg.test_dataloader = dict(cfg.test_dataloader, dataset=dataset)
    cfg.test_evaluator = dict(
        type='PseudoMaskWriter', confidence_threshold=confidence_threshold)
    if adjustment_power:
        shares = class_shares(sources[:-1], num_classes)
        cfg.test_evaluator.adjustment = adjustments(shares, adjustment_power)
    return cfg


def claim_folder(folder: Path, origin: dict) -> None:
    """Marks the folder as one of pseudo masks.

    Args:
        folder (Path): For the masks.
        origin (dict): Where they come from.

    Raises:
        InputError: If it holds files and no marker of an earlier run.
    """
    marker = folder / MARKER
    if folder.is_dir() and any(folder.iterdir()) and not marker.exists():
        raise InputError(
            f'{folder} holds files that this tool did not write. Masks drawn '
            'by hand must not be overwritten: choose another data_prefix.'
            'seg_map_path, or remove the folder.')
    with written_atomically(marker) as path:
        path.write_text(json.dumps(origin, indent=2))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file of the student')
    parser.add_argument(
        'checkpoints',
        nargs='+',
        help='checkpoint file of the teacher; of several, the mean of their '
        'probabilities counts')
    parser.add_argument(
        '--confidence-threshold',
        type=float,
        default=0.5,
        help='pixels below are ignored (default: 0.5)')
    parser.add_argument(
        '--logit-adjustment',
        type=float,
        default=0.,
        metavar='POWER',
        help='divides the probability of a class by its share of the labeled '
        'pixels to this power, 0 to 1 (default: 0, not at all)')
    parser.add_argument(
        '--tta',
        action='store_true',
        help='the mean over the scales and flips of tta_pipeline')
    add_common_arguments(parser)
    return parser.parse_args()


@exit_on_input_error
def main() -> None:
    args = parse_args()
    cfg = labeling_config(
        load_config(args), args.checkpoints, args.confidence_threshold,
        args.tta, args.logit_adjustment)
    exit_without_data(cfg, ('test_dataloader', ))
    dataset = cfg.test_dataloader.dataset
    folder = Path(dataset.get('data_root') or '',
                  dataset.data_prefix.seg_map_path)
    run_on_cpu_if_needed(cfg)
    runner = Runner.from_cfg(cfg)
    if is_main_process():
        claim_folder(
            folder,
            dict(
                checkpoints=args.checkpoints,
                confidence_threshold=args.confidence_threshold,
                logit_adjustment=args.logit_adjustment,
                tta=args.tta))
    barrier()
    runner.test()
    print(f'Masks: {folder}')


if __name__ == '__main__':
    main()
