"""Colour augmentation in uint8.

The stock transforms compute in float32 and float64, which takes more than a
quarter of the time of the unlabeled pipeline
(tools/paper/benchmark/loader.py).
"""
import cv2
import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmseg.datasets.transforms import PhotoMetricDistortion
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class FastPhotoMetricDistortion(PhotoMetricDistortion):
    """``PhotoMetricDistortion`` of mmseg computed in uint8.

    Arguments, steps and random draws are the same. Values are rounded, mmseg
    truncates them.

    Required Keys:

    - img (uint8, BGR)

    Modified Keys:

    - img
    """

    def convert(self,
                img: np.ndarray,
                alpha: float = 1,
                beta: float = 0) -> np.ndarray:
        """Returns ``img * alpha + beta`` within 0 and 255."""
        return cv2.addWeighted(img, alpha, img, 0, beta)

    def hue(self, img: np.ndarray) -> np.ndarray:
        """Shifts the hue with a probability of 0.5."""
        if not np.random.randint(2):
            return img
        shift = np.random.randint(-self.hue_delta, self.hue_delta)
        table = ((np.arange(256) + shift) % 180).astype(np.uint8)
        img = mmcv.bgr2hsv(img)
        img[:, :, 0] = cv2.LUT(img[:, :, 0], table)
        return mmcv.hsv2bgr(img)


@TRANSFORMS.register_module()
class FastRandomGrayscale(BaseTransform):
    """Turns a BGR image grey at random, keeping three channels.

    The grey is the luma, as in Pillow and torchvision; ``RandomGrayscale`` of
    mmcv takes the mean.

    Required Keys:

    - img (uint8, BGR)

    Modified Keys:

    - img

    Args:
        prob (float): Probability, in [0, 1]. Defaults to 0.2, as is common
            in contrastive learning; the paper does not give it.
    """

    def __init__(self, prob: float = 0.2) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(
                f'FastRandomGrayscale.prob must be in [0, 1], got {prob}.')
        self.prob = prob

    @cache_randomness
    def draw(self) -> bool:
        """Draws whether to turn the image grey."""
        return np.random.rand() < self.prob

    def transform(self, results: dict) -> dict:
        """Turns ``results['img']`` grey."""
        if self.draw():
            results['img'] = mmcv.gray2bgr(mmcv.bgr2gray(results['img']))
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob})'
