"""Cost of the terms in a training step, and cost of the warm-up.

Step: the same network with the same three forward and backward passes, with
and without the DC loss (classifier, memory bank, contrast). An untrained
network is never confident, so confidences and pseudo labels are drawn as in
the benchmark of the loss: three eighths of the rows are active, 70 % of the
labels are class 0.
Warm-up: loading, forward, backward and update of supervised training and of
the supervised warm-up of DCC, on the demo data set, which must be in
data/demo (tools/paper/make_demo_dataset.py).
Compositions: a step with each composition of terms, in supervised steps of
the same network, as counted by its passes and as measured.
One thread, process time, median of interleaved repeats.

Example:
    python tools/paper/benchmark/step.py --json step.json
    python tools/paper/benchmark/step.py --parts compositions
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
from functools import partial
from unittest import mock

import torch
import torch.nn.functional as F
from compositions import (
    COMPOSITIONS,
    benchmark_compositions,
    print_compositions,
)
from measure import median_seconds, peak_megabytes, print_table, write_json
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import MODELS
from stand_ins import (
    CONFIGS,
    confident_network,
    draw_labels,
    make_batch,
    paper_network,
)

from mmseg_dcc.models.pool_to_stride import pool_to_stride


def passes_only(term, batch):
    """Loss that costs nothing after the same passes of both views."""
    views = [batch.view(name) for name in term.views]
    features = [
        term.projector(
            pool_to_stride(view.features, view.images.shape[2:], term.stride))
        for view in views
    ]
    return dict(loss=sum(feature.mean() for feature in features))


def train_step(model, batch, optimizer):
    data = model.data_preprocessor(batch, training=True)
    loss, _ = model.parse_losses(model(**data, mode='loss'))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def build_steps(model_config, batch):
    """Functions that train one step without and with the DC loss.

    Both train the same network, since the place of its tensors in memory
    changes times by several per cent.
    """
    torch.manual_seed(0)
    model = MODELS.build(model_config).train()
    term = model.terms['dc']
    bank = term.bank
    bank.features.copy_(F.normalize(torch.randn_like(bank.features), dim=-1))
    bank.labels.copy_(draw_labels(bank.labels.shape))
    optimizer = torch.optim.SGD(model.parameters(), 1e-4, momentum=0.9)
    step = partial(train_step, model, batch, optimizer)

    def step_without():
        with mock.patch.object(term, 'loss', partial(passes_only, term)):
            step()

    return {'without': step_without, 'with': step}


def benchmark_step(args) -> dict:
    config = paper_network(args.side)
    fragment = Config.fromfile(CONFIGS / '_base_/methods/dcc.py')
    config.merge_from_dict(dict(model=fragment.dcc_model))
    model = config.model
    per_step = 2 * model.memory_bank.negatives_per_crop
    model.memory_bank.steps = args.negatives // per_step
    batch = make_batch(args.images, args.side, model.decode_head.num_classes,
                       dict(a=0, b=1), model.stride)
    with confident_network():
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
    """Function that runs a few iterations of the demo config."""
    config = Config.fromfile(CONFIGS / f'demo/{name}.py')
    model = MODELS.build(config.model).train()
    loader_config = dict(config.train_dataloader)
    loader_config.update(num_workers=0, persistent_workers=False)
    loader = Runner.build_dataloader(loader_config, seed=0)
    if hasattr(model, 'unsup_enabled'):
        model.unsup_enabled = False
        loader.batch_sampler.warmup_iters = len(loader)
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


BENCHMARKS = {
    'step': benchmark_step,
    'warm-up': benchmark_warmup,
    'compositions': benchmark_compositions
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--parts',
        nargs='+',
        choices=[*BENCHMARKS],
        default=[*BENCHMARKS],
        help='what is timed (default: all)')
    parser.add_argument(
        '--images', type=int, default=4, help='labeled, and as many unlabeled')
    parser.add_argument(
        '--side', type=int, default=320, help='of a crop of the step')
    parser.add_argument('--negatives', type=int, default=76800)
    parser.add_argument('--repeats', type=int, default=10)
    parser.add_argument('--warmup-iters', type=int, default=10)
    parser.add_argument(
        '--compositions',
        nargs='+',
        choices=[*COMPOSITIONS],
        default=[*COMPOSITIONS])
    parser.add_argument(
        '--composition-side',
        type=int,
        default=160,
        help='of a crop of the compositions')
    parser.add_argument('--json', help='also write the figures to this file')
    args = parser.parse_args()
    torch.set_num_threads(1)
    init_default_scope('mmseg')
    # not the learning rate of each parameter
    MMLogger.get_instance('benchmark', log_level='WARNING')
    results = {}
    for name in args.parts:
        found = results[name] = BENCHMARKS[name](args)
        if name == 'compositions':
            print_compositions(found)
        else:
            print_table([found], dict.fromkeys(found, '.4g'))
        print(flush=True)
    write_json(args.json, results)


if __name__ == '__main__':
    main()
