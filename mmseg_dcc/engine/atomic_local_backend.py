import os
from contextlib import suppress
from pathlib import Path
from typing import Union

from mmengine.fileio import LocalBackend, register_backend

from ..utils.atomic_file import flush_to_disk


@register_backend('AtomicLocalBackend')
class AtomicLocalBackend(LocalBackend):
    """Local files that are there whole or not at all.

    For checkpoints: a training that is killed, or that runs out of disk
    space, while it writes one leaves no file of that name behind.

    Examples:
        >>> default_hooks = dict(
        ...     checkpoint=dict(
        ...         type='CheckpointHook',
        ...         backend_args=dict(backend='AtomicLocalBackend')))
    """

    def put(self, obj: bytes, filepath: Union[str, Path]) -> None:
        """Writes bytes under another name, then gives them the right one.

        Args:
            obj (bytes): What to write.
            filepath (str or Path): Where to.

        Raises:
            OSError: If it cannot be written.
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
                f'written: {error.strerror}. The file before it is intact: '
                'make room or choose another --work-dir, then go on with '
                '--resume. Fewer or rarer checkpoints: '
                'default_hooks.checkpoint.max_keep_ckpts, interval'
            ) from error
