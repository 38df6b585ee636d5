"""Cost of a training step with each composition of terms.

A composition is one or more fragments of configs/_base_/methods. The passes
through the backbones are counted while a step runs. Per image, a pass without
gradients counts 1, a pass with gradients (forward and backward) 3, and a pass
through frozen weights with a gradient of the input 2. In units of B labeled
images supervised training costs 3. The measured time is compared with this
count: everything else (terms, mixing, labels, mean teacher, optimizers) should
cost next to nothing.
"""
from types import SimpleNamespace
from typing import Callable, Dict, List, NamedTuple, Sequence

import mmseg_dcc  # noqa: F401  isort: skip  (before mmseg)
import torch
from measure import median_seconds, peak_megabytes, print_table
from mmengine.config import Config
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import HOOKS, MODELS
from stand_ins import (
    CONFIGS,
    confident_network,
    labeled_part,
    make_batch,
    paper_network,
)
from torch import nn

from mmseg_dcc.engine.backbone_passes import watch_backbones
from mmseg_dcc.engine.hooks import MeanTeacherHook
from mmseg_dcc.models.discriminators import ImageDiscriminator
from mmseg_dcc.models.frozen import frozen

COMPOSITIONS = {
    'none (supervised)': (),
    'DCC': ('dcc', ),
    'FixMatch': ('fixmatch', ),
    'FixMatch V1': ('fixmatch_v1', ),
    'UniMatch V1': ('unimatch_v1', ),
    'UniMatch V2': ('unimatch_v2', ),
    'CPS': ('cps', ),
    'CPS + CutMix': ('cps_cutmix', ),
    'CCT': ('cct', ),
    'AdvSemiSeg': ('advsemiseg', ),
    'Mean teacher': ('mean_teacher', ),
    'CutMix-Seg': ('cutmix_seg', ),
    'ClassMix': ('classmix', ),
    'U2PL': ('u2pl', ),
    'S4GAN': ('s4gan', ),
    'ECS-style': ('ecs', ),
    'GCT': ('gct', ),
    'DCC + weak labels + pseudo labels':
    ('dcc', 'weak_labels', 'pseudo_labels'),
    'DCC + ClassMix': ('dcc_classmix', ),
    'DCC + FixMatch': ('dcc_fixmatch', ),
    'DCC + UniMatch V2': ('dcc_unimatch_v2', ),
    'DCC + mean teacher': ('dcc_mean_teacher', ),
    'DCC + CPS': ('dcc_cps', ),
}

LATE = 10**6  # iteration at which every term is on


class Training(NamedTuple):
    """Network in training.

    Args:
        model (SemiEncoderDecoder): Network with random weights.
        optim_wrapper (OptimWrapper): Optimizer wrapper of the config.
        teachers (list[MeanTeacherHook]): No or one mean teacher.
        batch (dict): Batch that every step trains on.
    """
    model: nn.Module
    optim_wrapper: OptimWrapper
    teachers: List[MeanTeacherHook]
    batch: dict

    def step(self) -> None:
        """Runs one iteration of the training."""
        data = self.model.data_preprocessor(self.batch, training=True)
        self.update(self.model(**data, mode='loss'))
        runner = SimpleNamespace(iter=LATE)
        for teacher in self.teachers:
            teacher.after_train_iter(runner, 0)

    def supervised_step(self) -> None:
        """Runs one iteration of stock training, of the same network.

        The same network is used since the times of two networks of one config
        differ by several per cent, depending on their place in memory.
        """
        data = self.model.data_preprocessor(
            labeled_part(self.batch), training=True)
        self.update(
            EncoderDecoder.loss(self.model, data['inputs']['sup'],
                                data['data_samples']['sup']))

    def update(self, losses: dict) -> None:
        """Backward pass and step of the optimizer."""
        loss, _ = self.model.parse_losses(losses)
        self.optim_wrapper.update_params(loss)


def build_training(fragments: Sequence[str], images: int,
                   side: int) -> Training:
    """Builds the paper's network with the terms of some fragments.

    Args:
        fragments (Sequence[str]): Names in configs/_base_/methods. The views
            are those of the first fragment.
        images (int): Number of labeled images, and of unlabeled images.
        side (int): Side of a crop in pixels.
    """
    config = paper_network(side)
    schedule = Config.fromfile(CONFIGS / '_base_/schedules/80_epochs.py')
    config.merge_from_dict(dict(optim_wrapper=schedule.optim_wrapper))
    hooks, windows = [], dict(weak=0)
    for name in fragments:
        fragment = Config.fromfile(CONFIGS / f'_base_/methods/{name}.py')
        for key in ('model', 'optim_wrapper'):
            config.merge_from_dict({key: fragment.get(f'{name}_{key}', {})})
        hooks += fragment.get(f'{name}_hooks', [])
        if name == fragments[0]:
            windows = windows_of(fragment[f'{name}_views'].views)
    return assemble_training(config, hooks, images, side, windows)


def assemble_training(config: Config, hooks: Sequence[dict], images: int,
                      side: int, windows: Dict[str, int],
                      stride: int = 8) -> Training:
    """Builds a training on random images in which every term is active.

    Args:
        config (Config): Config with ``model`` and ``optim_wrapper``.
        hooks (Sequence[dict]): Configs of hooks; only mean teachers are built.
        images (int): Number of labeled images, and of unlabeled images.
        side (int): Side of a crop in pixels.
        windows (dict[str, int]): Window that each view shows.
        stride (int): Stride of the window offsets in pixels. Defaults to 8.
    """
    # what is learned of noise must not grow
    config.optim_wrapper.optimizer.lr = 1e-4
    torch.manual_seed(0)
    model = MODELS.build(config.model).train()
    model.iteration = LATE
    teachers = [
        HOOKS.build(hook) for hook in hooks if hook.type == 'MeanTeacherHook'
    ]
    runner = SimpleNamespace(model=model, iter=LATE, max_iters=2 * LATE)
    for teacher in teachers:
        teacher.before_run(runner)
        teacher.before_train(runner)
    return Training(
        model, build_optim_wrapper(model, config.optim_wrapper), teachers,
        make_batch(images, side, model.num_classes, windows, stride))


def windows_of(views: dict) -> Dict[str, int]:
    """Window that each view of ``MultiView`` shows."""
    return {
        name: view.get('window', 0) if isinstance(view, dict) else 0
        for name, view in views.items()
    }


def counted_passes(training: Training, images: int) -> List[int]:
    """Passes of one step through all backbones, one entry per call.

    Args:
        training (Training): Training of which one step is run.
        images (int): B, the number of labeled images.

    Returns:
        list[int]: Passes in units of one forward pass of B images, in the
        order of the calls.
    """
    passes: List[int] = []
    networks = [training.model]
    if training.teachers:
        networks.append(training.model.teacher)
    handles = watch_backbones(
        networks, lambda image_passes: passes.append(image_passes // images))
    training.step()
    for handle in handles:
        handle.remove()
    return passes


def critic_passes(critic: nn.Module, images: int, side: int,
                  classes: int) -> Callable:
    """Critic alone: the passes of a small network that judges label maps.

    It judges the maps of labeled and of unlabeled images, once for the
    gradient of the maps, once for its own gradient, and as many masks as
    there are labeled images.
    """
    if isinstance(critic, ImageDiscriminator):
        return _image_critic_passes(critic, images, side, classes)
    shape = (classes, side, side)
    maps = [
        torch.rand(images, *shape).requires_grad_() for _ in range(2)
    ]
    others = [torch.rand(2 * images, *shape), torch.rand(images, *shape)]

    def passes():
        judge = frozen(critic)
        scores = [judge(single) for single in maps]
        scores += [critic(single) for single in others]
        sum(score.mean() for score in scores).backward()
        for tensor in (*maps, *critic.parameters()):
            tensor.grad = None

    return passes


def _image_critic_passes(critic: nn.Module, images: int, side: int,
                         classes: int) -> Callable:
    """Critic alone, for one that judges maps of unlabeled images only.

    It also takes the images as input, and computes the features of as many
    masks first.
    """
    maps, masks = (torch.rand(images, classes, side, side) for _ in range(2))
    pixels = torch.rand(images, 3, side, side)
    maps.requires_grad_()

    def passes():
        judge = frozen(critic)
        fake, _ = judge(maps, pixels)
        with torch.no_grad():
            real, _ = judge(masks, pixels)
        scores = [
            critic(single, pixels)[1] for single in (maps.detach(), masks)
        ]
        ((fake - real).mean() + sum(s.mean() for s in scores)).backward()
        for tensor in (maps, *critic.parameters()):
            tensor.grad = None

    return passes



def detector_passes(detector: nn.Module, images: int, side: int,
                    classes: int) -> Callable:
    """Flaw detector alone: its passes in one step.

    It judges the maps of two networks on labeled and unlabeled images, once
    for the gradient of the maps, once for its own gradient.
    """
    photos = torch.randn(2 * images, 3, side, side)
    maps = [
        torch.rand(2 * images, classes, side, side).requires_grad_()
        for _ in range(2)
    ]

    def passes():
        judge = frozen(detector)
        flaws = [judge(photos, single) for single in maps]
        flaws += [detector(photos, single.detach()) for single in maps]
        sum(single.mean() for single in flaws).backward()
        for tensor in (*maps, *detector.parameters()):
            tensor.grad = None

    return passes


def benchmark_composition(name: str, images: int, side: int,
                          repeats: int) -> dict:
    """Measures one row of the table.

    Args:
        name (str): Key of :data:`COMPOSITIONS`.
        images (int): B, the number of labeled images.
        side (int): Side of a crop in pixels.
        repeats (int): Number of measurements, of which the median is taken.
    """
    training = build_training(COMPOSITIONS[name], images, side)
    with confident_network():
        training.supervised_step()  # gradients and momentum come to be
        passes = counted_passes(training, images)
        steps = dict(
            supervised=training.supervised_step, terms=training.step)
        for term in training.model.terms.values():
            if hasattr(term, 'discriminator'):
                steps['critic'] = critic_passes(term.discriminator, images,
                                                side,
                                                training.model.num_classes)
            if hasattr(term, 'detector'):
                steps['critic'] = detector_passes(term.detector, images, side,
                                                  training.model.num_classes)
        memory = {
            kind: peak_megabytes(steps[kind])
            for kind in ('supervised', 'terms')
        }
        seconds = median_seconds(steps, repeats)
    # of one forward pass of B images
    unit = seconds['supervised'] / 3
    critic = seconds.get('critic', 0) / unit
    counted = sum(passes) + critic
    return {
        'terms': name,
        'passes': passes,
        'critic': critic,
        'counted': counted / 3,
        'measured': seconds['terms'] / seconds['supervised'],
        'excess': seconds['terms'] / unit / counted - 1,
        'step (s)': seconds['terms'],
        'memory': memory['terms'] / memory['supervised'],
        'parameters (M)': sum(
            parameter.numel()
            for parameter in training.model.terms.parameters()) / 1e6,
    }


def benchmark_compositions(args) -> List[dict]:
    """Rows of all compositions: cost in supervised steps, counted, measured.
    """
    rows = []
    for name in args.compositions:
        rows.append(
            benchmark_composition(name, args.images, args.composition_side,
                                  args.repeats))
        print(f'{name}: {rows[-1]["excess"]:+.1%}', flush=True)
    return rows


def print_compositions(rows: List[dict]) -> None:
    """Prints the table, with the passes written as a sum."""
    shown = []
    for row in rows:
        passes = ' + '.join(map(str, row['passes']))
        if row['critic']:
            passes += f' + {row["critic"]:.1f} (critic)'
        shown.append({
            'terms': row['terms'],
            'passes (B)': passes,
            'counted': row['counted'],
            'measured': row['measured'],
            'excess': row['excess'],
            'memory': row['memory'],
            'parameters (M)': row['parameters (M)'],
        })
    print_table(
        shown, {
            'counted': '.2f',
            'measured': '.2f',
            'excess': '+.1%',
            'memory': '.2f',
            'parameters (M)': '.2f'
        })
