"""Sizes, length and batch of a training, from its data and its machine."""
import math
import os
from typing import Dict, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch

# Pixels of an image in training: 512 x 512 on a CPU, 2048 x 1024 on a large
# GPU (Cityscapes in the paper); between them by the memory.
_CPU_PIXELS = 512 * 512
_GPU_PIXELS_PER_GIB = 2**16
_MOST_PIXELS = 2048 * 1024
# Longest side of a crop; 720 is the paper's largest.
_CPU_CROP, _GPU_CROP = 256, 720
# Strides of backbones divide it; below two of them it leaves no choice.
_BACKBONE_STRIDE = 32
# GPU memory for a pixel of a crop: DeepLabV3+ on ResNet-50 keeps 2.9 KiB for
# its backward pass (float32). An unlabeled image is two crops, which makes
# 1.5 of it on average, and a third more is for what lives shortly.
_BYTES_PER_PIXEL = 6 * 2**10
_SMALLEST_SIDE = 64  # what is smaller leaves the network a few positions
_SMALLEST_BATCH, _LARGEST_BATCH = 4, 32
# How often an image is seen: the paper's 80 epochs show a labeled image of
# VOC 1/8 some 500 times and an unlabeled one 70 times; less is enough to
# decide on a first training.
_LABELED_PASSES, _UNLABELED_PASSES = 100, 20
_CPU_ITERS, _GPU_ITERS = (1000, 10000), (2000, 40000)
_MIXED = 0.2  # share of the other orientation
_LONG = 4  # times as long as wide: long and narrow
_RATIO = 2  # of labeled to unlabeled images in a batch: halves


class Machine(NamedTuple):
    """What a training runs on.

    Args:
        cores (int): CPU cores that it may use.
        gpu_gib (float, optional): Memory of a GPU, of the smallest one if
            there are several, in GiB. Defaults to None: no GPU.
    """
    cores: int
    gpu_gib: Optional[float] = None

    def __str__(self) -> str:
        cores = f'{self.cores} CPU core{"s" * (self.cores > 1)}'
        return cores if self.gpu_gib is None else (
            f'a GPU of {self.gpu_gib:.0f} GiB, {cores}')


class Proposal(NamedTuple):
    """Values for the first part of ``configs/custom/own_data.py``.

    Args:
        image_size (tuple[int, int]): Width and height in pixels.
        crop_size (tuple[int, int]): Width and height in pixels.
        max_iters (int): Iterations.
        batch_size (int): Images on each GPU, labeled and unlabeled ones.
        reasons (dict[str, str]): By name of the value, one sentence.
    """
    image_size: Tuple[int, int]
    crop_size: Tuple[int, int]
    max_iters: int
    batch_size: int
    reasons: Dict[str, str]


def this_machine() -> Machine:
    """Cores and GPU memory of the machine that this runs on."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else
        os.cpu_count() or 1)
    memory = [
        torch.cuda.get_device_properties(index).total_memory / 2**30
        for index in range(torch.cuda.device_count())
    ]
    return Machine(cores, min(memory) if memory else None)


def propose_sizes(sizes: Sequence[Tuple[int, int]],
                  labeled: int,
                  unlabeled: int,
                  machine: Machine,
                  stride: int = 8,
                  multiple: int = _RATIO) -> Proposal:
    """Proposes what a first training of a data set is well done with.

    Args:
        sizes (Sequence[tuple[int, int]]): Heights and widths of its images.
        labeled (int): Number of labeled images.
        unlabeled (int): Number of unlabeled images, 0 for a supervised
            training.
        machine (Machine): Where it will run.
        stride (int): Of the pairs of crops. Sides of crops are multiples of
            it. Defaults to 8.
        multiple (int): Sum of ``batch_sampler.source_ratio``, 1 for a
            supervised training. Defaults to 2: as many labeled as unlabeled
            images.

    Returns:
        Proposal: Of sizes that fit the network: multiples of its stride, and
        no crop larger than the image.

    Raises:
        ValueError: If there is no image.
    """
    if not len(sizes):
        raise ValueError('No image could be read: there is nothing to propose '
                         'sizes from.')
    sides = np.sort(np.asarray(sizes), axis=1)
    # of the image in the middle, so that a few odd ones do not count
    short, long = (max(int(side), 1) for side in np.median(sides, axis=0))
    wide = _wide_share(sizes)
    mixed = _MIXED <= wide <= 1 - _MIXED
    image, why_image = _image_size(short, long, wide, mixed, machine, stride)
    crop, why_crop = _crop_size(image, mixed, machine, stride)
    batch, why_batch = _batch_size(crop, machine, multiple)
    iters, why_iters = _max_iters(labeled, unlabeled, batch, multiple, machine)
    return Proposal(
        image, crop, iters, batch,
        dict(
            image_size=why_image,
            crop_size=why_crop,
            max_iters=why_iters,
            batch_size=why_batch))


def _wide_share(sizes) -> float:
    heights, widths = np.asarray(sizes).T
    wide, high = (widths > heights).sum(), (heights > widths).sum()
    return float(wide / (wide + high)) if wide + high else 0.5


def _image_size(short: int, long: int, wide: float, mixed: bool,
                machine: Machine, stride: int) -> Tuple[Tuple[int, int], str]:
    most = _CPU_PIXELS if machine.gpu_gib is None else min(
        max(machine.gpu_gib * _GPU_PIXELS_PER_GIB, _CPU_PIXELS), _MOST_PIXELS)
    fits = math.sqrt(most / (short * long))
    scale = min(max(1., _SMALLEST_SIDE / short), max(fits, 1e-9))
    low, high = (_multiple(side * scale, stride) for side in (short, long))
    middle = f'the image in the middle is {long} x {short} pixels'
    if scale > 1:
        why = f'{middle}, enlarged so that the network sees something of it'
    elif scale < 1:
        where = 'a CPU' if machine.gpu_gib is None else 'this GPU'
        why = f'{middle}, and more than this is slow or too much on {where}'
    else:
        why = f'{middle}, which is neither too small nor too much'
    if mixed and low != high:
        why += '; upright ones are resized alike, whatever the order'
    upright = wide < 0.5
    return ((low, high) if upright else (high, low)), _sentence(why)


def _crop_size(image: Tuple[int, int], mixed: bool, machine: Machine,
               stride: int) -> Tuple[Tuple[int, int], str]:
    short, long = sorted(image)
    most = _CPU_CROP if machine.gpu_gib is None else _GPU_CROP
    if long > _LONG * short and not mixed:
        low = _multiple(min(short, most), stride)
        high = _multiple(min(long / 2, _LONG * most), stride)
        crop = (low, high) if image[0] < image[1] else (high, low)
        return crop, _sentence(
            'the images are long and narrow: a crop has all of the short '
            'side, and less than half of the long one, so that two differ')
    # half of it, but of a small image enough to see an object
    wanted = min(max(short / 2, min(128, short * 2 / 3)), most)
    step = stride
    if _BACKBONE_STRIDE % stride == 0 and wanted >= 2 * _BACKBONE_STRIDE:
        step = _BACKBONE_STRIDE
    side = _multiple(wanted, step)
    return (side, side), _sentence(
        f'a multiple of {step}, clearly smaller than the short side of the '
        'image, so that two crops differ, and square, so that it fits '
        'images of both orientations')


def _batch_size(crop: Tuple[int, int], machine: Machine,
                multiple: int) -> Tuple[int, str]:
    pixels = crop[0] * crop[1]
    if machine.gpu_gib is None:
        most = 16 if pixels <= 96 * 96 else 8
        why = (f'crops of {crop[0]} x {crop[1]} pixels are quick enough for '
               'this on a CPU')
    else:
        gib = _BYTES_PER_PIXEL * pixels / 2**30
        most = min(int(0.8 * machine.gpu_gib / gib), _LARGEST_BATCH)
        why = (f'a crop takes about {max(gib, 0.1):.1f} of the '
               f'{machine.gpu_gib:.0f} GiB of the GPU with a ResNet-50; halve '
               'it if memory runs out')
    # doubled as often as possible: no share of a batch is a single image
    batch = 2 * multiple
    while batch < _SMALLEST_BATCH or 2 * batch <= most:
        batch *= 2
    return batch, _sentence(why)


def _max_iters(labeled: int, unlabeled: int, batch: int, multiple: int,
               machine: Machine) -> Tuple[int, str]:
    low, high = _CPU_ITERS if machine.gpu_gib is None else _GPU_ITERS
    share = batch / multiple
    if not unlabeled:
        share = batch
    wanted = max(_LABELED_PASSES * labeled, _UNLABELED_PASSES * unlabeled)
    iters = int(min(max(math.ceil(wanted / share / 100) * 100, low), high))
    passes = [f'a labeled image about '
              f'{_rounded(iters * share / max(labeled, 1))} times']
    if unlabeled:
        passes.append('an unlabeled one about '
                      f'{_rounded(iters * share / unlabeled)} times')
    limit = ''
    if iters == low:
        limit = '; fewer hardly move a network'
    elif iters == high:
        limit = '; more takes long, first see whether it learns'
    return iters, _sentence(f'it shows {" and ".join(passes)}{limit}')


def _multiple(side: float, step: int) -> int:
    return max(int(side + 1e-6) // step, 1) * step


def _rounded(number: float) -> str:
    return f'{number:.0f}' if number >= 3 else f'{number:.1f}'


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + '.'
