"""What a step costs with each composition of terms, against its passes.

A composition is one fragment of configs/_base_/methods, or several. Its
passes are counted while a step runs: what goes through a backbone without a
gradient counts 1 an image, with a gradient (forward and backward) 3, with a
gradient of what goes in alone, since the weights are frozen, 2. In units of B
labeled images supervised training costs 3. Everything else (terms, mixing,
labels, mean teacher, optimizers) should cost next to nothing.
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
    'DCC + FixMatch': ('dcc_fixmatch', ),
    'DCC + UniMatch V2': ('dcc_unimatch_v2', ),
    'DCC + mean teacher': ('dcc_mean_teacher', ),
    'DCC + CPS': ('dcc_cps', ),
}

LATE = 10**6  # iteration at which every term is on


class Training(NamedTuple):
    """A network in training.

    Args:
        model (SemiEncoderDecoder): With random weights.
        optim_wrapper (OptimWrapper): Of the config.
        teachers (list[MeanTeacherHook]): None or one.
        batch (dict): The one that it trains on.
    """
    model: nn.Module
    optim_wrapper: OptimWrapper
    teachers: List[MeanTeacherHook]
    batch: dict

    def step(self) -> None:
        """One iteration of the training."""
        data = self.model.data_preprocessor(self.batch, training=True)
        self.update(self.model(**data, mode='loss'))
        runner = SimpleNamespace(iter=LATE)
        for teacher in self.teachers:
            teacher.after_train_iter(runner, 0)

    def supervised_step(self) -> None:
        """One iteration of stock training, of the same network.

        Two networks of one config differ by several per cent, by where
        their tensors lie in memory.
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
    """The paper's network with the terms of some fragments.

    Args:
        fragments (Sequence[str]): Names in configs/_base_/methods. The views
            are those of the first.
        images (int): Labeled ones, and as many unlabeled ones.
        side (int): Of a crop, in pixels.
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
    """A network in training on random images, with every term on.

    Args:
        config (Config): With ``model`` and ``optim_wrapper``.
        hooks (Sequence[dict]): Of which those of mean teachers are built.
        images (int): Labeled ones, and as many unlabeled ones.
        side (int): Of a crop, in pixels.
        windows (dict[str, int]): Which window each view shows.
        stride (int): Of their offsets, in pixels. Defaults to 8.
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
    """Which window each view of ``MultiView`` shows."""
    return {
        name: view.get('window', 0) if isinstance(view, dict) else 0
        for name, view in views.items()
    }


def counted_passes(training: Training, images: int) -> List[int]:
    """Passes of one step through all backbones, by call.

    Args:
        training (Training): One step of it is done.
        images (int): B.

    Returns:
        list[int]: In units of one forward pass of B images, in the order in
        which they are done.
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
    """What a small network that judges label maps computes in a step, alone.

    It judges the maps of labeled and of unlabeled images, once for the
    gradient of the maps, once for its own, and as many masks as labeled
    images.
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
    """Likewise of one that judges the maps of unlabeled images alone.

    It sees the images, too, and takes features of as many masks first.
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
    """What a flaw detector computes in a step, alone.

    It judges the maps of two networks on labeled and unlabeled images, once
    for the gradient of the maps, once for its own.
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
    """A row of the table.

    Args:
        name (str): Of :data:`COMPOSITIONS`.
        images (int): B.
        side (int): Of a crop, in pixels.
        repeats (int): Of which the median is taken.
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
    """A row for each composition: supervised steps, counted and measured."""
    rows = []
    for name in args.compositions:
        rows.append(
            benchmark_composition(name, args.images, args.composition_side,
                                  args.repeats))
        print(f'{name}: {rows[-1]["excess"]:+.1%}', flush=True)
    return rows


def print_compositions(rows: List[dict]) -> None:
    """Prints the table with the passes as a sum."""
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
