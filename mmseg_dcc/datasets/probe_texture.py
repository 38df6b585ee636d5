"""A texture that tells whether pixels stayed where they were."""
from functools import cached_property
from itertools import product
from typing import NamedTuple, Optional, Tuple

import cv2
import numpy as np
import torch

from ..structures import ViewInfo

LEAST_SIDE = 192
"""In pixels; a smaller image has too few patches to judge by."""
BINS = 6
"""Of the grey of the texture; what becomes of each may be anything."""
CELL = 8
"""Side of a cell at half resolution; a patch is two by two cells."""
REACH = 3
"""Largest shift that is looked for at half resolution: 6 px."""
KEPT_RATIO = 0.5
"""Correlation ratio above which a patch surely stayed."""
KEPT_SHARE = 0.8
"""Share of the patches, or of their votes, that must be for no shift.

Votes that were measured at 320 px: 0.97 and more for photometric transforms,
0.87 if half of the image is covered by squares of 8 px; 0.77 and less for
elastic warps by 10 px, 0.56 for a shift by 3 px, 0.4 for other motions.
"""


class ProbeTexture:
    """Random grey without edges or a lattice.

    A lattice of blocks would look most like itself where blocks meet blocks,
    wherever they came from. Blurred noise loses its likeness within 4 px.

    Args:
        grey (np.ndarray): float32, shape (H, W); all values in [0, 1] are
            equally frequent.
    """

    def __init__(self, grey: np.ndarray) -> None:
        self.grey = grey
        self._as_seen = {}
        self._painted = {}

    @classmethod
    def of_size(cls, size: Tuple[int, int], seed: int = 0) -> 'ProbeTexture':
        """The texture of a seed, of a height and width."""
        noise = np.random.default_rng(seed).standard_normal(size, np.float32)
        noise = cv2.GaussianBlur(noise, (0, 0), 2)
        grey = np.empty(noise.size, np.float32)
        grey[noise.ravel().argsort()] = np.linspace(0, 1, noise.size)
        return cls(grey.reshape(size))

    @cached_property
    def bins(self) -> np.ndarray:
        """Bin of the grey at half resolution, shape (H // 2, W // 2)."""
        return np.digitize(
            _halved(self.grey)[..., 0],
            np.linspace(0, 1, BINS + 1)[1:-1])

    def as_seen(self, info: ViewInfo) -> 'ProbeTexture':
        """The texture in a view that is flipped."""
        if info.flip not in self._as_seen:
            grey = info.upright(torch.from_numpy(self.grey)).numpy()
            self._as_seen[info.flip] = ProbeTexture(grey)
        return self._as_seen[info.flip]

    def painted(self, like: np.ndarray, low: float,
                high: float) -> np.ndarray:
        """An image of the texture; do not write into it.

        Args:
            like (np.ndarray): Shape (H, W) or (H, W, C); the image has its
                channels and dtype.
            low (float): Lowest value.
            high (float): Highest value.

        Returns:
            np.ndarray: The grey in all channels, with a little colour.
        """
        kind = like.shape, like.dtype, low, high
        if kind not in self._painted:
            grey, colour = self.grey, self.grey[::-1, ::-1] - 0.5
            if like.ndim == 3:
                signs = np.linspace(-1, 1, like.shape[2], dtype=np.float32)
                grey, colour = grey[..., None], colour[..., None] * signs
            values = 0.5 + 0.84 * (grey - 0.5) + 0.16 * colour
            # Values of floats differ from draw to draw: keep one.
            self._painted = {
                kind: (low + (high - low) * values).astype(like.dtype)
            }
        return self._painted[kind]


def in_place(texture: ProbeTexture, image: np.ndarray) -> bool:
    """Whether an image shows a texture where it is.

    Any function of the grey, the same throughout a patch, leaves the
    correlation ratio (the share of the variance that the grey explains) of
    the patch high. Blur and noise lower it, but it is highest without a
    shift. So patches vote for the shift that fits best, with a weight for how
    much it stands out: patches that show noise, or are covered, hardly count.

    Args:
        texture (ProbeTexture): Expected.
        image (np.ndarray): Shape (H, W) or (H, W, C), any dtype; H and W are
            at least ``LEAST_SIDE``.

    Returns:
        bool: False if the votes are for more than about 2 px. Nothing moves
        in an image without contrast.
    """
    patches = _Patches.of(image)
    if patches is None:
        return True
    bins = texture.bins
    if (patches.ratios(bins, (0, 0)) > KEPT_RATIO).mean() >= KEPT_SHARE:
        return True
    shifts = np.array([*product(range(-REACH, REACH + 1), repeat=2)])
    ratios = np.array([patches.ratios(bins, shift) for shift in shifts])
    weights = (ratios.max(0) - np.median(ratios, 0))**2
    at_home = np.abs(shifts[ratios.argmax(0)]).max(1) <= 1
    return weights[at_home].sum() >= KEPT_SHARE * weights.sum()


class _Patches(NamedTuple):
    """Overlapping patches of an image that have contrast."""

    values: np.ndarray  # (C, pixels)
    cells: np.ndarray  # (pixels, ), cell of each pixel
    grid: Tuple[int, int]  # cells down and across
    mean_part: np.ndarray  # (patches, ), squares that the mean explains
    variance: np.ndarray  # (patches, ), squares that it does not
    with_contrast: np.ndarray  # (patches, )

    @classmethod
    def of(cls, image: np.ndarray) -> Optional['_Patches']:
        image = _halved(image)
        grid = tuple((side - 2 * REACH) // CELL for side in image.shape[:2])
        height, width = (CELL * cells for cells in grid)
        values = image[REACH:REACH + height, REACH:REACH + width]
        values = values.reshape(height * width, -1).T.astype(np.float64)
        values -= values.mean(1, keepdims=True)
        row, column = np.indices((height, width)) // CELL
        cells = (row * grid[1] + column).ravel()
        mean_part = _explained(values, cells, grid)
        squares = _sums(cells, grid, 1, (values**2).sum(0))[:, 0]
        variance = squares - mean_part
        with_contrast = variance > 1e-3 * max(variance.max(), 1e-9)
        if not with_contrast.any():
            return None
        return cls(values, cells, grid, mean_part, variance, with_contrast)

    def ratios(self, bins: np.ndarray, shift: Tuple[int, int]) -> np.ndarray:
        """Correlation ratio of each patch that has contrast."""
        height, width = (CELL * cells for cells in self.grid)
        top, left = (REACH + move for move in shift)
        bins = bins[top:top + height, left:left + width].ravel()
        explained = _explained(self.values, self.cells * BINS + bins,
                               self.grid, BINS) - self.mean_part
        return (explained[self.with_contrast] /
                self.variance[self.with_contrast])


def _explained(values: np.ndarray,
               groups: np.ndarray,
               grid: Tuple[int, int],
               bins: int = 1) -> np.ndarray:
    """Sum of squares that the means of groups explain, (patches, )."""
    counts = np.maximum(_sums(groups, grid, bins), 1)
    return sum((_sums(groups, grid, bins, channel)**2 / counts).sum(1)
               for channel in values)


def _sums(groups: np.ndarray,
          grid: Tuple[int, int],
          bins: int,
          weights: Optional[np.ndarray] = None) -> np.ndarray:
    """Sums over the pixels of each patch and bin, (patches, bins)."""
    sums = np.bincount(groups, weights, grid[0] * grid[1] * bins)
    sums = sums.reshape(*grid, bins)
    sums = sums[1:] + sums[:-1]
    sums = sums[:, 1:] + sums[:, :-1]
    return sums.reshape(-1, bins)


def _halved(image: np.ndarray) -> np.ndarray:
    """Means of two by two pixels, float32, shape (h, w, C)."""
    height, width = (side // 2 * 2 for side in image.shape[:2])
    image = image.reshape(*image.shape[:2], -1)
    quarters = [
        image[row:height:2, column:width:2].astype(np.float32)
        for row in (0, 1) for column in (0, 1)
    ]
    return sum(quarters) / 4
