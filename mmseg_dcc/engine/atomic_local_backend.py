import os
from contextlib import suppress
from pathlib import Path
from typing import Union

from mmengine.fileio import LocalBackend, register_backend

from ..utils.atomic_file import flush_to_disk


@register_backend('AtomicLocalBackend')
class AtomicLocalBackend(LocalBackend):
    """Storage backend that writes local files atomically.

    It is meant for checkpoints: a training that is killed or runs out of disk
    space while it writes one leaves no partial file under that name.

    Examples:
        >>> default_hooks = dict(
        ...     checkpoint=dict(
        ...         type='CheckpointHook',
        ...         backend_args=dict(backend='AtomicLocalBackend')))
    """

    def put(self, obj: bytes, filepath: Union[str, Path]) -> None:
        """Writes bytes to a temporary file and renames it.

        Args:
            obj (bytes): Content of the file.
            filepath (str or Path): Path of the file.

        Raises:
            OSError: If the file cannot be written.
        """
        part = f'{filepath}.part'
        try:
            super().put(obj, part)
            flush_to_disk(part)
            os.replace(part, filepath)
        except OSError as error:
            with suppress(OSError):
                os.remove(part)
            raise OSError(
                error.errno,
                f'{filepath} ({len(obj) / 2**20:.1f} MiB) could not be '
                f'written: {error.strerror}. The file of this name written '
                'before, if any, is intact. Free disk space or choose another '
                '--work-dir, then continue with --resume. To write fewer '
                'checkpoints, set default_hooks.checkpoint.max_keep_ckpts or '
                'interval'
            ) from error
