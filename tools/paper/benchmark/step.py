"""What the DC loss adds to a training step, and what the warm-up costs.

Step: the same network with the same three forward and backward passes, with
and without the DC loss (classifier, memory bank, contrast). An untrained
network is never confident, so confidences and pseudo labels are drawn as in
the benchmark of the loss: three eighths of the rows active, 70 % of class 0.
Warm-up: loading, forward, backward and update of supervised training and of
the supervised warm-up of DCC, on the demo data set, which must be in
data/demo (tools/paper/make_demo_dataset.py). One thread, process time.

Example:
    python tools/paper/benchmark/step.py --json step.json
"""
import argparse
from functools import partial
from pathlib import Path
from unittest import mock

import torch
import torch.nn.functional as F
from loss import LABELS
from measure import median_seconds, peak_megabytes, print_table, write_json
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_dcc.datasets.transforms.crop_geometry import (
    feasible_offsets,
    overlap_boxes,
)
from mmseg_dcc.models.segmentors import dcc_segmentor

CONFIGS = Path(__file__).parents[3] / 'configs'


def passes_only(model, inputs, data_samples):
    """Unlabeled part with the same passes and a loss that costs nothing."""
    features = [
        model.projector(
            dcc_segmentor.pool_to_stride(
                model.encoder_features(inputs[:, i]), inputs.shape[3:],
                model.stride)) for i in range(2)
    ]
    return dict(loss_dc=sum(feature.mean() for feature in features))


def drawn_confidence(head, features):
    """Runs the classifier, returns a trained network's distribution."""
    scores, labels = _CLASSIFY(head, features)
    classes, background = LABELS[0]
    drawn = torch.randint(1, classes, labels.shape)
    drawn[torch.rand(labels.shape) < background] = 0
    return 1 - 0.5 * torch.rand_like(scores), drawn


_CLASSIFY = dcc_segmentor.confidence_and_pseudo_label


def make_batch(images, side, stride, classes):
    """Random images; overlaps that stand for those of PairedRandomCrop.

    Sorted by area, the offsets that it may draw are taken at even distances.
    """
    image_size = (side * 3 // 2, side * 2)
    offsets = sorted(
        feasible_offsets(image_size, (side, side), (0.1, 1.0), stride),
        key=lambda move: (side - abs(move[0])) * (side - abs(move[1])))
    samples = []
    for _ in range(images):
        mask = torch.randint(classes, (1, side, side))
        shape = (side, side)
        samples.append(
            dict(
                inputs=torch.randint(256, (3, *shape), dtype=torch.uint8),
                data_samples=SegDataSample(
                    gt_sem_seg=PixelData(data=mask),
                    metainfo=dict(img_shape=shape, ori_shape=shape))))
    for move in offsets[len(offsets) // (2 * images)::len(offsets) // images]:
        corners = [[max(-int(part), 0) for part in move],
                   [max(int(part), 0) for part in move]]
        samples.append(
            dict(
                inputs=torch.randint(
                    256, (2, 3, side, side), dtype=torch.uint8),
                data_samples=SegDataSample(
                    metainfo=dict(
                        overlap_boxes=overlap_boxes(corners, image_size, (
                            side, side), stride),
                        valid_boxes=[(0, 0, side, side)] * 2,
                        flips=[None, 'horizontal']))))
    return pseudo_collate(samples)


def train_step(model, batch, optimizer):
    data = model.data_preprocessor(batch, training=True)
    loss, _ = model.parse_losses(model(**data, mode='loss'))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def build_steps(model_config, batch):
    """Functions that train one step without and with the DC loss.

    Both train the same network: where its tensors lie in memory makes a
    difference of several per cent.
    """
    torch.manual_seed(0)
    model = MODELS.build(model_config).train()
    bank = model.memory_bank
    bank.features.copy_(F.normalize(torch.randn_like(bank.features), dim=-1))
    classes, background = LABELS[0]
    bank.labels.random_(1, classes)
    bank.labels[torch.rand(bank.labels.shape) < background] = 0
    optimizer = torch.optim.SGD(model.parameters(), 1e-4, momentum=0.9)
    step = partial(train_step, model, batch, optimizer)

    def step_without():
        with mock.patch.object(model, 'unsup_loss',
                               partial(passes_only, model)):
            step()

    return {'without': step_without, 'with': step}


def benchmark_step(args) -> dict:
    config = Config.fromfile(CONFIGS / 'dcc/deeplabv3plus_r50_voc_1-8.py')
    init_default_scope('mmseg')
    model = config.model
    model.pop('pretrained', None)
    model.backbone.update(init_cfg=None, norm_cfg=dict(type='BN'))
    model.decode_head.norm_cfg = dict(type='BN')
    model.data_preprocessor.size = (args.side, args.side)
    per_step = 2 * model.memory_bank.negatives_per_crop
    model.memory_bank.steps = args.negatives // per_step
    batch = make_batch(args.images, args.side, model.stride,
                       model.decode_head.num_classes)
    with mock.patch.object(dcc_segmentor, 'confidence_and_pseudo_label',
                           drawn_confidence):
        steps = build_steps(model, batch)
        for step in steps.values():  # gradients and momentum come to be
            step()
        memory = {name: peak_megabytes(steps[name]) for name in steps}
        seconds = median_seconds(steps, args.repeats)
    return {
        'step without DC loss (s)': seconds['without'],
        'with (s)': seconds['with'],
        'time': seconds['with'] / seconds['without'],
        'without (MB)': memory['without'],
        'with (MB)': memory['with'],
        'memory': memory['with'] / memory['without'],
    }


def demo_training(name: str, iterations: int):
    """A function that runs a few iterations of the demo config."""
    config = Config.fromfile(CONFIGS / f'demo/{name}.py')
    model = MODELS.build(config.model).train()
    loader_config = dict(config.train_dataloader)
    loader_config.update(num_workers=0, persistent_workers=False)
    loader = Runner.build_dataloader(loader_config, seed=0)
    if hasattr(model, 'unsup_enabled'):
        model.unsup_enabled = False
        loader.sampler.warmup_iters = loader.sampler.epoch_length
    optimizer = torch.optim.SGD(model.parameters(), 1e-4, momentum=0.9)
    batches = iter(loader)

    def train():
        for _ in range(iterations):
            train_step(model, next(batches), optimizer)

    return train


def benchmark_warmup(args) -> dict:
    trainings = {
        'supervised': 'deeplabv3plus_small_demo_supervised',
        'warm-up': 'deeplabv3plus_small_demo_dcc',
    }
    seconds = median_seconds(
        {
            kind: demo_training(name, args.warmup_iters)
            for kind, name in trainings.items()
        }, 5)
    return {
        'supervised iteration (ms)':
        1000 * seconds['supervised'] / args.warmup_iters,
        'warm-up iteration of DCC (ms)':
        1000 * seconds['warm-up'] / args.warmup_iters,
        'warm-up / supervised':
        seconds['warm-up'] / seconds['supervised'],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--images', type=int, default=4, help='labeled, and as many unlabeled')
    parser.add_argument('--side', type=int, default=320, help='of a crop')
    parser.add_argument('--negatives', type=int, default=76800)
    parser.add_argument('--repeats', type=int, default=10)
    parser.add_argument('--warmup-iters', type=int, default=10)
    parser.add_argument('--json', help='also write the figures to this file')
    args = parser.parse_args()
    torch.set_num_threads(1)
    results = {}
    for name, benchmark in (('step', benchmark_step), ('warm-up',
                                                       benchmark_warmup)):
        results[name] = benchmark(args)
        print_table([results[name]], dict.fromkeys(results[name], '.4g'))
        print(flush=True)
    write_json(args.json, results)


if __name__ == '__main__':
    main()
