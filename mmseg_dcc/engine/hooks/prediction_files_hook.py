import os.path as osp
from pathlib import Path
from typing import Dict, Optional, Sequence

import mmcv
import numpy as np
from mmengine.fileio import get
from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from ...datasets.plain_datasets import plain_datasets
from ...utils.atomic_file import written_atomically
from ...utils.mask_image import mask_colors, mask_image
from ...utils.result_names import refuse_overwriting, result_names
from ...visualization.mask_drawing import Predicted, draw_prediction


@HOOKS.register_module()
class PredictionFilesHook(Hook):
    """Hook that writes the prediction of each test image to a file.

    ``tools/test.py --out --show-dir`` adds it. mmseg names results by the
    last part of the image path, so that ``b/0.jpg`` would overwrite the
    result of ``a/0.jpg``. Here names are relative to the image folder
    (:func:`result_names`).

    Args:
        mask_dir (str, optional): Folder for the masks: PNG files in the
            colours of the data set, whose pixels are ids as in its own masks
            (with ``reduce_zero_label`` class index + 1). Defaults to None: no
            masks.
        picture_dir (str, optional): Folder for pictures that show the image
            under the truth and under the prediction. Defaults to None: no
            pictures.

    Raises:
        InputError: If a result would overwrite an image or a mask of the data
            set.

    Examples:
        >>> custom_hooks = [
        ...     dict(type='PredictionFilesHook', mask_dir='work_dirs/masks')]
    """

    def __init__(self,
                 mask_dir: Optional[str] = None,
                 picture_dir: Optional[str] = None) -> None:
        self.mask_dir = mask_dir
        self.picture_dir = picture_dir
        self._names: Dict[str, str] = {}

    def before_test(self, runner) -> None:
        """Determines the names of the results."""
        parts = plain_datasets(runner.test_loop.dataloader.dataset)
        infos = [part.get_data_info(i)
                 for part in parts for i in range(len(part))]
        images = [info['img_path'] for info in infos]
        folders = [getattr(part, 'data_prefix', {}).get('img_path')
                   for part in parts]
        self._names = result_names(images, list(filter(None, folders)))
        masks = filter(None, (info.get('seg_map_path') for info in infos))
        sources = [*images, *masks]
        for folder, option in ((self.mask_dir, '--out'),
                               (self.picture_dir, '--show-dir')):
            if folder:
                refuse_overwriting([_file(folder, name)
                                    for name in self._names.values()],
                                   sources, option)

    def after_test_iter(self,
                        runner,
                        batch_idx: int,
                        data_batch=None,
                        outputs: Optional[Sequence] = None) -> None:
        """Writes the predictions of one batch."""
        meta = runner.test_loop.dataloader.dataset.metainfo
        for sample in outputs or ():
            name = self._names[osp.abspath(sample.img_path)]
            if self.mask_dir:
                self._write_mask(sample, _file(self.mask_dir, name),
                                 meta.get('palette'))
            if self.picture_dir:
                self._draw(sample, _file(self.picture_dir, name), meta)

    @staticmethod
    def _write_mask(sample, path: Path, palette) -> None:
        mask = ids_of(sample.pred_sem_seg)
        if sample.get('reduce_zero_label', False):
            mask = mask + 1
            palette = None if palette is None else [[0, 0, 0], *palette]
        with written_atomically(path) as temporary:
            mask_image(mask, palette).save(temporary)

    @staticmethod
    def _draw(sample, path: Path, meta: dict) -> None:
        image = mmcv.imfrombytes(get(sample.img_path), channel_order='rgb')
        truth = sample.get('gt_sem_seg')
        picture = draw_prediction(
            Predicted(path.name, image, ids_of(sample.pred_sem_seg),
                      None if truth is None else ids_of(truth)),
            meta['classes'], mask_colors(meta.get('palette')))
        with written_atomically(path) as temporary:
            picture.save(temporary)


def ids_of(mask) -> np.ndarray:
    """Ids of a mask of a ``SegDataSample``, shape (h, w), uint8."""
    return mask.data.squeeze(0).byte().cpu().numpy()


def _file(folder: str, name: str) -> Path:
    return Path(folder, f'{name}.png')
