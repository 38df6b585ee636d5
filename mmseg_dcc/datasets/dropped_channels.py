"""Check for image channels that the pipeline does not load."""
import logging
import struct
from typing import Optional

import cv2
import numpy as np
from mmengine.fileio import get
from mmengine.logging import print_log


def warn_of_dropped_channels(dataset) -> None:
    """Warns if the file of the first image has more channels than are loaded.

    ``LoadImageFromFile`` reads three channels, whatever the file has, without
    a message. There is no warning for files of one or three channels, however
    they are read, nor for an alpha channel that is opaque everywhere.

    Args:
        dataset (UnlabeledDataset): This or another data set with
            ``get_data_info`` and ``pipeline.transforms``, the first of which
            loads the image. Unreadable files are left to the data set.
    """
    info = dataset.get_data_info(0)
    path = info['img_path']
    load = dataset.pipeline.transforms[0]
    try:
        content = get(path, getattr(load, 'backend_args', None))
        loaded = np.atleast_3d(load(info)['img']).shape[2]
    except Exception:
        return
    stored = _channels_by_header(content)
    if stored is not None and stored <= max(loaded, 3):
        return
    decoded = _decoded(content) if stored in (None, 4) else None
    if stored is None:
        stored = 0 if decoded is None else decoded.shape[2]
    if stored <= max(loaded, 3) or _is_opaque(decoded):
        return
    if decoded is not None and decoded.shape[2] == stored:
        advice = "color_type='unchanged' in LoadImageFromFile"
    else:
        advice = (
            "color_type='unchanged' and imdecode_backend='tifffile' in "
            'LoadImageFromFile, or LoadSingleRSImageFromFile '
            '(LoadMultipleRSImageFromFile for two images) in its place')
    print_log(
        f'{path} has {stored} channels, but only {loaded} are loaded. To use '
        f'all of them, set {advice}, in the pipelines of all data sets, and '
        'mean and std of the data preprocessor and in_channels of the '
        'backbone to the same number.',
        logger='current',
        level=logging.WARNING)


def _decoded(content: bytes) -> Optional[np.ndarray]:
    image = cv2.imdecode(np.frombuffer(content, np.uint8),
                         cv2.IMREAD_UNCHANGED)
    return None if image is None else np.atleast_3d(image)


def _is_opaque(decoded: Optional[np.ndarray]) -> bool:
    """Whether the last of four channels is a fully opaque alpha."""
    if decoded is None or decoded.shape[2] != 4 or decoded.dtype.kind != 'u':
        return False
    return bool((decoded[..., 3] == np.iinfo(decoded.dtype).max).all())


def _channels_by_header(content: bytes) -> Optional[int]:
    if content.startswith(b'\x89PNG'):
        # 3 is a palette, whose colours may be transparent
        return {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}[content[25]]
    return _tiff_channels(content)


def _tiff_channels(content: bytes) -> Optional[int]:
    """SamplesPerPixel of a TIFF file; None for other files.

    OpenCV drops a fourth channel that is not marked as alpha, and cannot read
    more than four.
    """
    order = {b'II': '<', b'MM': '>'}.get(content[:2])
    if order is None:
        return None
    version, = struct.unpack_from(f'{order}H', content, 2)
    if version == 42:
        count, entry, value = 'H', 12, 8
        start, = struct.unpack_from(f'{order}I', content, 4)
    elif version == 43:  # BigTIFF
        count, entry, value = 'Q', 20, 12
        start, = struct.unpack_from(f'{order}Q', content, 8)
    else:
        return None
    number, = struct.unpack_from(f'{order}{count}', content, start)
    start += struct.calcsize(count)
    for position in range(start, start + number * entry, entry):
        if struct.unpack_from(f'{order}H', content, position)[0] == 277:
            return struct.unpack_from(f'{order}H', content,
                                      position + value)[0]
    return 1
