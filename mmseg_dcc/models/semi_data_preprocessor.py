from typing import Optional

import torch
from mmseg.models.data_preprocessor import SegDataPreProcessor
from mmseg.registry import MODELS


@MODELS.register_module()
class SemiSegDataPreProcessor(SegDataPreProcessor):
    """Splits a mixed training batch, normalises both parts on the device.

    Outside training it is the stock preprocessor. In training::

        in:  inputs        [(3, h, w) uint8, ..., (2, 3, H, W) uint8, ...]
             data_samples  [SegDataSample, ...]
        out: inputs        {'sup': (B, 3, H, W), 'unsup': (U, 2, 3, H, W)}
             data_samples  {'sup': [...], 'unsup': [...]}

    Args:
        num_classes (int, optional): Label ids must be below it. Filled in by
            :class:`SemiEncoderDecoder`. Defaults to None: not checked.
        bgr_to_rgb (bool): See ``SegDataPreProcessor``. Defaults to False.
        rgb_to_bgr (bool): Likewise. Defaults to False.
        **kwargs: See ``SegDataPreProcessor``.

    Examples:
        >>> model = dict(
        ...     data_preprocessor=dict(
        ...         type='SemiSegDataPreProcessor', size=(320, 320)))
    """

    def __init__(self,
                 *args,
                 num_classes: Optional[int] = None,
                 bgr_to_rgb: bool = False,
                 rgb_to_bgr: bool = False,
                 **kwargs):
        super().__init__(
            *args, bgr_to_rgb=bgr_to_rgb, rgb_to_bgr=rgb_to_bgr, **kwargs)
        self.num_classes = num_classes
        # The parent's flag has different names in mmengine and its forks.
        self._swap_channels = bgr_to_rgb or rgb_to_bgr

    # Metainfo differs from batch to batch: it would be compiled each time.
    @torch.compiler.disable
    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepares a batch for the model.

        Args:
            data (dict): Batch as collated by ``pseudo_collate``.
            training (bool): Whether the batch is for training. Defaults to
                False.

        Returns:
            dict: See the class.

        Raises:
            ValueError: If a part is missing, pairs differ in size, or a mask
                has an id outside the classes.
        """
        if not training:
            return super().forward(data, training)
        sup, unsup = self._split(data)
        self._check_label_ids(sup['data_samples'])
        self._check_label_ids(unsup['data_samples'], 'weak')
        sup = super().forward(sup, training)
        return {
            key: dict(sup=sup[key], unsup=unsup_part)
            for key, unsup_part in (('inputs',
                                     self._normalise_pairs(unsup['inputs'])),
                                    ('data_samples', unsup['data_samples']))
        }

    @staticmethod
    def _split(data: dict) -> tuple:
        parts = tuple(
            dict(inputs=[], data_samples=[]) for _ in ('sup', 'unsup'))
        for image, sample in zip(data['inputs'], data['data_samples']):
            part = parts[image.dim() == 4]
            part['inputs'].append(image)
            part['data_samples'].append(sample)
        for part, name in zip(parts, ('labeled', 'unlabeled')):
            if not part['inputs']:
                raise ValueError(
                    f'A training batch holds no {name} image. '
                    'train_dataloader.dataset must be a ConcatDataset of '
                    '[labeled, unlabeled], its sampler a MultiSourceSampler, '
                    'and the unlabeled pipeline must end in '
                    'PackPairedSegInputs.')
        return parts

    def _check_label_ids(self, data_samples: list, kind: str = 'gt') -> None:
        """Names the file before the loss fails on the device."""
        if self.num_classes is None:
            return
        for sample in data_samples:
            if f'{kind}_sem_seg' not in sample:
                continue
            labels = sample.get(f'{kind}_sem_seg').data
            bad = labels[(labels != self.seg_pad_val)
                         & ((labels < 0) | (labels >= self.num_classes))]
            if len(bad):
                key = 'seg_map_path' if kind == 'gt' else 'weak_seg_map_path'
                path = sample.metainfo.get(key, '(path unknown)')
                raise ValueError(
                    f'The mask {path} has the ids {bad.unique().tolist()}, '
                    f'but the model has num_classes={self.num_classes} (ids '
                    f'0 to {self.num_classes - 1}, and {self.seg_pad_val} '
                    'for pixels to ignore). Correct the mask, '
                    'model.decode_head.num_classes or the classes of the '
                    'labeled dataset.')

    def _normalise_pairs(self, pairs: list) -> torch.Tensor:
        sizes = {tuple(pair.shape) for pair in pairs}
        if len(sizes) > 1:
            raise ValueError(
                f'Crop pairs of one batch differ in shape: {sorted(sizes)}. '
                'Let PairedRandomCrop be the last transform that changes the '
                'size.')
        # Bytes go to the device; they become floats there.
        images = self.cast_data(torch.stack(pairs))
        if self._swap_channels:
            images = images[:, :, [2, 1, 0]]
        images = images.float()
        if self._enable_normalize:
            images = (images - self.mean) / self.std
        return images
