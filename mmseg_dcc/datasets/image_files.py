"""Image files below a folder, and media files of other types there."""
import os
import os.path as osp
from collections import Counter
from typing import Dict, Iterator, List, NamedTuple, Optional

from mmengine import fileio
from mmengine.fileio import LocalBackend

from ..utils.input_error import InputError

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
# images and videos that OpenCV does not read, or not as one image
_OTHER_MEDIA = frozenset(
    '.heic .heif .hif .avif .gif .apng .jxl .jp2 .j2k .jpx .jpf .jfif .jpe '
    '.jps .mpo .ppm .pgm .pbm .pnm .tga .hdr .exr .psd .svg .ico '
    '.dng .cr2 .cr3 .nef .arw .orf .rw2 .raf .pef .srw .raw '
    '.dcm .nii .nrrd .mha .mhd .czi .svs .ndpi .lsm '
    '.mp4 .m4v .mov .avi .mkv .webm .wmv .flv .mpg .mpeg .mts .m2ts .3gp '
    '.ogv'.split())


class ImageFiles(NamedTuple):
    """Image files below a folder, and files that were left out.

    Args:
        images (list[str]): Paths relative to the folder, sorted.
        left_out (dict[str, int]): Number of images and videos of other
            types, by suffix.
    """
    images: List[str]
    left_out: Dict[str, int]

    def left_out_text(self) -> str:
        """List of the files that were left out; empty if there are none."""
        return ', '.join(f'{count} {suffix}'
                         for suffix, count in sorted(self.left_out.items()))


def image_files(folder: str, backend_args: Optional[dict] = None
                ) -> ImageFiles:
    """Images below a folder, without those in hidden folders.

    Symbolic links are followed, except links to a folder above themselves.

    Args:
        folder (str): Path, or address that a backend of mmengine supports.
        backend_args (dict, optional): See ``mmengine.fileio``. Defaults to
            None.

    Raises:
        ValueError: If the backend cannot list files.
    """
    if is_local(folder, backend_args):
        names = [osp.relpath(path, folder) for path in _files_below(
            folder, osp.realpath(folder))]
    else:
        names = _listed_by_backend(folder, backend_args)
    images, left_out = [], Counter()
    for name in names:
        suffix = osp.splitext(name)[1].lower()
        if suffix in IMAGE_SUFFIXES:
            images.append(name)
        elif suffix in _OTHER_MEDIA:
            left_out[suffix] += 1
    return ImageFiles(sorted(images), dict(left_out))


def is_local(path: str, backend_args: Optional[dict] = None) -> bool:
    """Whether files of a path are read from a local disk.

    Args:
        path (str): Path, or address such as ``s3://...``.
        backend_args (dict, optional): See ``mmengine.fileio``. Defaults to
            None.

    Raises:
        ImportError: If the backend needs a package that is not installed.
        InputError: If mmengine has no backend for the address.
    """
    try:
        backend = fileio.get_file_backend(
            path, backend_args=backend_args, enable_singleton=True)
    except ImportError as error:
        raise ImportError(
            f'{path!r} cannot be read: {error} Alternatively, mount it as a '
            'folder (rclone mount, s3fs), or register your own backend with '
            'mmengine.fileio.register_backend.') from error
    except KeyError as error:
        raise InputError(
            f'{path!r} cannot be read: mmengine has no file backend for '
            f'{error.args[0]!r}. Write a local folder as a plain path, '
            'without file:// before it.') from error
    return isinstance(backend, LocalBackend)


def _files_below(folder: str, real: str) -> Iterator[str]:
    """Paths below a folder, whose real path is given, too."""
    for entry in os.scandir(folder):
        if entry.name.startswith('.'):
            continue
        if osp.isfile(entry.path):
            yield entry.path
        elif osp.isdir(entry.path):
            target = osp.join(real, entry.name)
            if entry.is_symlink():
                target = osp.realpath(entry.path)
                if _lies_in(folder, target):
                    continue
            yield from _files_below(entry.path, target)


def _lies_in(folder: str, target: str) -> bool:
    """Whether a folder lies below another, by any link on its path."""
    while True:
        if f'{osp.realpath(folder)}{os.sep}'.startswith(
                osp.join(target, '')):
            return True
        above = osp.dirname(folder)
        if above in (folder, ''):
            return False
        folder = above


def _listed_by_backend(folder: str, backend_args: Optional[dict]
                       ) -> List[str]:
    try:
        names = list(fileio.list_dir_or_file(
            folder, list_dir=False, recursive=True,
            backend_args=backend_args))
    except (AttributeError, NotImplementedError) as error:
        raise ValueError(
            f'The backend of {folder!r} cannot list files ({error}). Name '
            'the images in a list file: ann_file of the data set.') from error
    return [name for name in names if not any(
        part.startswith('.') for part in name.split('/'))]
