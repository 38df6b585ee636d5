from typing import Tuple

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomGaussianBlur(BaseTransform):
    """Blurs an image at random (Sec. 4.1).

    mmcv and mmseg have no such transform; that of mmpretrain needs
    torchvision.

    Required Keys:

    - img

    Modified Keys:

    - img

    Args:
        prob (float): Probability of blurring, in [0, 1]. Defaults to 0.5, as
            is common in contrastive learning; the paper does not give it.
        sigma_range (tuple[float, float]): Range of the standard deviation in
            pixels. Defaults to (0.1, 2.0), as is common, too.
    """

    def __init__(self,
                 prob: float = 0.5,
                 sigma_range: Tuple[float, float] = (0.1, 2.0)) -> None:
        if not 0 <= prob <= 1 or not 0 < sigma_range[0] <= sigma_range[1]:
            raise ValueError(
                'RandomGaussianBlur needs prob in [0, 1] and sigma_range = '
                f'(lowest, highest) > 0, got {prob} and {sigma_range}.')
        self.prob = prob
        self.sigma_range = sigma_range

    @cache_randomness
    def draw(self) -> Tuple[bool, float]:
        """Draws whether to blur and the standard deviation."""
        return np.random.rand() < self.prob, np.random.uniform(
            *self.sigma_range)

    def transform(self, results: dict) -> dict:
        """Blurs ``results['img']``."""
        blurred, sigma = self.draw()
        if blurred:
            results['img'] = cv2.GaussianBlur(results['img'], (0, 0), sigma)
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(prob={self.prob}, '
                f'sigma_range={self.sigma_range})')
