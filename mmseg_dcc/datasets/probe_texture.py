"""Random texture that shows whether pixels stayed in place."""
from functools import cached_property
from itertools import product
from typing import NamedTuple, Optional, Tuple

import cv2
import numpy as np
import torch

from ..structures import ViewInfo

LEAST_SIDE = 192
"""Smallest side in pixels; smaller images have too few patches to judge."""
BINS = 6
"""Number of bins of the grey; a transform may map each to any value."""
CELL = 8
"""Side of a cell at half resolution; a patch has two by two cells."""
REACH = 3
"""Largest shift tested at half resolution, which is 6 px."""
KEPT_RATIO = 0.5
"""Correlation ratio above which a patch has certainly not moved."""
KEPT_SHARE = 0.8
"""Share of the patches, or of their votes, required for no shift.

Measured votes at 320 px: 0.97 and more for photometric transforms, 0.87 if
half of the image is covered by squares of 8 px; 0.77 and less for elastic
warps by 10 px, 0.56 for a shift by 3 px, 0.4 for other motions.
"""


class ProbeTexture:
    """Random grey image without edges or a lattice.

    A lattice of blocks would match itself best wherever block borders meet.
    Blurred noise is uncorrelated beyond 4 px.

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
        """Texture of a seed with a height and width."""
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
        """Texture as seen in a flipped view."""
        if info.flip not in self._as_seen:
            grey = info.upright(torch.from_numpy(self.grey)).numpy()
            self._as_seen[info.flip] = ProbeTexture(grey)
        return self._as_seen[info.flip]

    def painted(self, like: np.ndarray, low: float,
                high: float) -> np.ndarray:
        """Image of the texture, which must not be modified.

        Args:
            like (np.ndarray): Shape (H, W) or (H, W, C); the result has its
                channels and dtype.
            low (float): Lowest value.
            high (float): Highest value.

        Returns:
            np.ndarray: Grey in all channels, with a little colour.
        """
        kind = like.shape, like.dtype, low, high
        if kind not in self._painted:
            grey, colour = self.grey, self.grey[::-1, ::-1] - 0.5
            if like.ndim == 3:
                signs = np.linspace(-1, 1, like.shape[2], dtype=np.float32)
                grey, colour = grey[..., None], colour[..., None] * signs
            values = 0.5 + 0.84 * (grey - 0.5) + 0.16 * colour
            # only one is cached, as floats differ from draw to draw
            self._painted = {
                kind: (low + (high - low) * values).astype(like.dtype)
            }
        return self._painted[kind]


def in_place(texture: ProbeTexture, image: np.ndarray) -> bool:
    """Whether an image shows a texture in place.

    A function of the grey that is the same throughout a patch keeps the
    patch's correlation ratio high (the share of the variance explained by the
    grey). Blur and noise lower it, but it is still highest without a shift.
    Each patch therefore votes for the shift that fits best, weighted by how
    much that shift stands out: noisy or covered patches hardly count.

    Args:
        texture (ProbeTexture): Expected texture.
        image (np.ndarray): Shape (H, W) or (H, W, C), any dtype; H and W are
            at least ``LEAST_SIDE``.

    Returns:
        bool: False if the votes are for more than about 2 px. An image
        without contrast counts as in place.
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
    unmoved = np.abs(shifts[ratios.argmax(0)]).max(1) <= 1
    return weights[unmoved].sum() >= KEPT_SHARE * weights.sum()


class _Patches(NamedTuple):
    """Overlapping patches of an image that have contrast."""

    values: np.ndarray  # (C, pixels)
    cells: np.ndarray  # (pixels, ), cell of each pixel
    grid: Tuple[int, int]  # cells down and across
    mean_part: np.ndarray  # (patches, ), sum of squares explained by the mean
    variance: np.ndarray  # (patches, ), the remaining sum of squares
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
        """Correlation ratio of each patch with contrast."""
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
    """Sum of squares that the group means explain, (patches, )."""
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
