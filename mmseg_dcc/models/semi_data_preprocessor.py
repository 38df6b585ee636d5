from typing import List, Optional

import torch
from mmseg.models.data_preprocessor import SegDataPreProcessor
from mmseg.registry import MODELS
from torch import Tensor

from ..utils.arguments import refuse_unknown_arguments

UNKNOWN = 255  # unknown pixels in files of weak masks, for any ignore_index


@MODELS.register_module()
class SemiSegDataPreProcessor(SegDataPreProcessor):
    """Data preprocessor that splits a batch into labeled and unlabeled images.

    The labeled images are processed by the stock preprocessor. The views of
    the unlabeled images are normalised in the same way, on the device.
    Outside training this is the stock preprocessor. In training::

        in:  inputs        [(C, h, w), ..., (V, C, H, W), ...]
             data_samples  [SegDataSample, ...]
        out: inputs        {'sup': (B, C, H, W), 'unsup': (U, V, C, H, W)}
             data_samples  {'sup': [...], 'unsup': [...]}

    Images are uint8, or float32 with any number of channels. Without
    unlabeled images, as in the supervised warm-up, ``unsup`` is None and
    an empty list.

    Args:
        num_classes (int, optional): Number of classes, for a check of the
            label ids. Set by :class:`SemiEncoderDecoder`. Defaults to None:
            not checked.
        ignore_index (int, optional): Label id that the decode head ignores.
            Set by :class:`SemiEncoderDecoder`. Defaults to None:
            ``seg_pad_val``.
        bgr_to_rgb (bool): See ``SegDataPreProcessor``. Only images of three
            channels are swapped. Defaults to False.
        rgb_to_bgr (bool): See ``bgr_to_rgb``. Defaults to False.
        **kwargs: See ``SegDataPreProcessor``.

    Examples:
        >>> model = dict(
        ...     data_preprocessor=dict(
        ...         type='SemiSegDataPreProcessor', size=(320, 320)))
    """

    def __init__(self,
                 *args,
                 num_classes: Optional[int] = None,
                 ignore_index: Optional[int] = None,
                 bgr_to_rgb: bool = False,
                 rgb_to_bgr: bool = False,
                 **kwargs):
        refuse_unknown_arguments('model.data_preprocessor', kwargs, type(self))
        super().__init__(
            *args, bgr_to_rgb=bgr_to_rgb, rgb_to_bgr=rgb_to_bgr, **kwargs)
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        # The name of the parent's flag differs between mmengine and its forks.
        self._swap_channels = bgr_to_rgb or rgb_to_bgr

    # Metainfo changes with each batch and would trigger a recompilation.
    @torch.compiler.disable
    def forward(self, data: dict, training: bool = False) -> dict:
        """Batch prepared for the model.

        Args:
            data (dict): Batch collated by ``pseudo_collate``.
            training (bool): Whether the batch is for training. Defaults to
                False.

        Returns:
            dict: See the class.

        Raises:
            ValueError: If there is no labeled image, a labeled image has no
                mask, a mask has an id outside the classes, views differ in
                shape or name, or the settings do not fit the images.
        """
        if not training:
            return super().forward(data, training)
        sup, unsup = _split(data)
        self._check_channels(data['inputs'])
        self._check_masks(sup['data_samples'], unsup['data_samples'])
        sizes = [image.shape[-2:] for image in sup['inputs']]
        sup = super().forward(sup, training)
        self._check_padding(sizes, sup['inputs'].shape[-2:])
        return dict(
            inputs=dict(sup=sup['inputs'], unsup=self._normalise(**unsup)),
            data_samples=dict(
                sup=sup['data_samples'], unsup=unsup['data_samples']))

    def _normalise(self, inputs: List[Tensor],
                   data_samples: list) -> Optional[Tensor]:
        if not inputs:
            return None
        _check_views(inputs, data_samples)
        # Images are sent to the device as uint8 and converted there.
        images = self.cast_data(torch.stack(inputs))
        if self._swap_channels and images.shape[2] == 3:
            images = images[:, :, [2, 1, 0]]
        images = images.float()
        if self._enable_normalize:
            images = (images - self.mean) / self.std
        return images

    def _check_channels(self, images: List[Tensor]) -> None:
        found = sorted({image.shape[-3] for image in images})
        if len(found) > 1:
            raise ValueError(
                f'The images of one batch have {found} channels. Set the '
                'same type and color_type of the image loading in the '
                'pipelines of all data sets.')
        if not self._enable_normalize:
            return
        for key in ('mean', 'std'):
            given = len(getattr(self, key))
            if given not in (1, found[0]):
                raise ValueError(
                    f'data_preprocessor.{key} has {given} numbers, but the '
                    f'images have {found[0]} channels. Set one number for '
                    'each channel.')

    def _check_masks(self, labeled: list, unlabeled: list) -> None:
        """Checks label ids on the host, where the file name is known."""
        if self.num_classes is None:
            return
        for sample in labeled:
            self._check_ids(sample, 'gt_sem_seg', 'seg_map_path',
                            self._ignored())
        for sample in unlabeled:
            if 'weak_sem_seg' in sample:
                self._check_ids(sample, 'weak_sem_seg', 'weak_seg_map_path',
                                UNKNOWN)

    def _check_ids(self, sample, field: str, path_key: str,
                   ignored: int) -> None:
        labels = sample.get(field).data
        bad = labels[(labels != ignored)
                     & ((labels < 0) | (labels >= self.num_classes))]
        if len(bad):
            path = sample.metainfo.get(path_key, '(path unknown)')
            raise ValueError(
                f'The mask {path} has the ids {bad.unique().tolist()}, but '
                f'the model has num_classes={self.num_classes} (ids 0 to '
                f'{self.num_classes - 1}, and {ignored} for pixels to '
                'ignore). Correct the mask, model.decode_head.num_classes '
                'or ignore_index, or the classes of the labeled dataset.')

    def _ignored(self) -> int:
        return (self.seg_pad_val
                if self.ignore_index is None else self.ignore_index)

    def _check_padding(self, sizes: list, padded: torch.Size) -> None:
        if self.seg_pad_val != self._ignored() and any(size != padded
                                                       for size in sizes):
            raise ValueError(
                f'Labeled images of {sorted(map(tuple, sizes))} (height, '
                f'width) are padded to {tuple(padded)} and their masks filled '
                f'with {self.seg_pad_val}, but the decode head ignores '
                f'{self._ignored()} and would take the padding for a class. '
                f'Set data_preprocessor.seg_pad_val={self._ignored()}.')


def _split(data: dict) -> tuple:
    """Labeled and unlabeled part of a batch."""
    sup, unsup = (dict(inputs=[], data_samples=[]) for _ in range(2))
    for image, sample in zip(data['inputs'], data['data_samples']):
        part = unsup if image.dim() == 4 else sup
        part['inputs'].append(image)
        part['data_samples'].append(sample)
    if not sup['inputs']:
        raise ValueError(
            'A training batch has no labeled image. train_dataloader.dataset '
            'must be a ConcatDataset of [labeled, unlabeled], its '
            'batch_sampler a MultiSourceBatchSampler, and the labeled '
            'pipeline must end in PackSegInputs.')
    for sample in sup['data_samples']:
        if 'gt_sem_seg' not in sample:
            path = sample.metainfo.get('img_path', '(path unknown)')
            raise ValueError(
                f'The image {path} has neither a mask nor views. The labeled '
                'pipeline must load the mask with LoadAnnotations, the '
                'unlabeled pipeline must end in PackViews.')
    return sup, unsup


def _check_views(inputs: List[Tensor], data_samples: list) -> None:
    """Checks that all unlabeled images of a batch fit into one tensor."""
    shapes = {tuple(views.shape) for views in inputs}
    if len(shapes) > 1:
        raise ValueError(
            'The unlabeled images of one batch differ in shape (views, '
            f'channels, height, width): {sorted(shapes)}. No transform after '
            'the crop may change the size, and all unlabeled data sets need '
            'the same crop_size and views.')
    names = {
        tuple(sample.metainfo.get('views', ())) for sample in data_samples
    }
    if len(names) > 1:
        raise ValueError(
            'The unlabeled images of one batch differ in the names of their '
            f'views: {sorted(names)}. MultiView.views of all unlabeled data '
            'sets needs the same names in the same order.')
