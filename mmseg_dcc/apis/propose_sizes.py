"""Proposal of sizes, schedule length and batch size for own data."""
import math
import os
from typing import Dict, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch

# Pixels of an image in training: 512 x 512 on a CPU, 2048 x 1024 on a large
# GPU (Cityscapes in the paper); between these by the GPU memory.
_CPU_PIXELS = 512 * 512
_GPU_PIXELS_PER_GIB = 2**16
_MOST_PIXELS = 2048 * 1024
# longest side of a crop; 720 is the largest in the paper
_CPU_CROP, _GPU_CROP = 256, 720
# multiple of all backbone strides; only sides of at least twice it are rounded
_BACKBONE_STRIDE = 32
# GPU memory per pixel of a crop: DeepLabV3+ on ResNet-50 keeps 2.9 KiB for
# its backward pass (float32). An unlabeled image has two crops, so the average
# is 1.5 crops per image. A third more is for temporary tensors.
_BYTES_PER_PIXEL = 6 * 2**10
_SMALLEST_SIDE = 64  # smaller images leave the network only a few positions
_SMALLEST_BATCH, _LARGEST_BATCH = 4, 32
# How often an image is shown. The paper's 80 epochs show a labeled image of
# VOC 1/8 about 500 times and an unlabeled one 70 times. Fewer are enough to
# judge a first training.
_LABELED_PASSES, _UNLABELED_PASSES = 100, 20
_CPU_ITERS, _GPU_ITERS = (1000, 10000), (2000, 40000)
_MIXED = 0.2  # share of the other orientation
_LONG = 4  # ratio of sides from which on an image is long and narrow
_RATIO = 2  # sum of the source ratio: half labeled, half unlabeled


class Machine(NamedTuple):
    """Hardware that a training runs on.

    Args:
        cores (int): Number of CPU cores that it may use.
        gpu_gib (float, optional): Memory of the GPU in GiB, of the smallest
            one if there are several. Defaults to None: no GPU.
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
        max_iters (int): Number of iterations.
        batch_size (int): Images per GPU, labeled plus unlabeled ones.
        reasons (dict[str, str]): One sentence for each value, by its name.
    """
    image_size: Tuple[int, int]
    crop_size: Tuple[int, int]
    max_iters: int
    batch_size: int
    reasons: Dict[str, str]


def this_machine() -> Machine:
    """Cores and GPU memory of this machine."""
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
    """Proposes values for a first training on a data set.

    Args:
        sizes (Sequence[tuple[int, int]]): Heights and widths of its images.
        labeled (int): Number of labeled images.
        unlabeled (int): Number of unlabeled images, 0 for a supervised
            training.
        machine (Machine): Hardware of the training.
        stride (int): Stride of the pairs of crops. Sides of crops are
            multiples of it. Defaults to 8.
        multiple (int): Sum of ``batch_sampler.source_ratio``, 1 for a
            supervised training. Defaults to 2: as many labeled as unlabeled
            images.

    Returns:
        Proposal: Sizes that are multiples of the stride of the network, with
        crops not larger than the image.

    Raises:
        ValueError: If there is no image.
    """
    if not len(sizes):
        raise ValueError('No image could be read: there is nothing to propose '
                         'sizes from.')
    sides = np.sort(np.asarray(sizes), axis=1)
    # median, so that a few unusual images do not matter
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
    middle = f'the median image has {long} x {short} pixels'
    if scale > 1:
        why = f'{middle}, enlarged so that the network has enough positions'
    elif scale < 1:
        where = 'a CPU' if machine.gpu_gib is None else 'this GPU'
        why = f'{middle}, and larger sizes are slow or too much on {where}'
    else:
        why = f'{middle}, which needs no change'
    if mixed and low != high:
        why += '; images of the other orientation are resized alike'
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
            'the images are long and narrow: a crop has the whole short side '
            'and less than half of the long one, so that two crops differ')
    # half of the short side, but enough of a small image to show an object
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
        why = (f'crops of {crop[0]} x {crop[1]} pixels are fast enough for '
               'this on a CPU')
    else:
        gib = _BYTES_PER_PIXEL * pixels / 2**30
        most = min(int(0.8 * machine.gpu_gib / gib), _LARGEST_BATCH)
        why = (f'a crop needs about {max(gib, 0.1):.1f} of the '
               f'{machine.gpu_gib:.0f} GiB of the GPU with a ResNet-50; halve '
               'it if the memory is not sufficient')
    # doubled as often as possible, so that no source has a single image
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
        limit = '; fewer hardly change a network'
    elif iters == high:
        limit = '; more take long, so first see whether it learns'
    return iters, _sentence(f'it shows {" and ".join(passes)}{limit}')


def _multiple(side: float, step: int) -> int:
    return max(int(side + 1e-6) // step, 1) * step


def _rounded(number: float) -> str:
    return f'{number:.0f}' if number >= 3 else f'{number:.1f}'


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + '.'
