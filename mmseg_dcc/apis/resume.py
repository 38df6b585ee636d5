"""Selection of the checkpoint that ``--resume`` continues from."""
import logging
import os.path as osp
import re
import shlex
import zipfile
from pathlib import Path
from typing import List, Optional

from mmengine.config import Config
from mmengine.logging import print_log

_POINTER = 'last_checkpoint'
# the last with epochs alone, in the middle of one, by InterruptHook
_NUMBERED = re.compile(r'(iter|epoch)_(\d+)(?:_iter_(\d+))?\.pth')


def checkpoint_to_resume(work_dir: str) -> Optional[str]:
    """Newest intact checkpoint of a training, or None if there is none.

    mmengine resumes from the checkpoint that the file ``last_checkpoint``
    names. If that file is missing or empty, mmengine starts at iteration 0
    and overwrites the existing checkpoints; a truncated checkpoint ends in an
    error of the unpickler. This function falls back to the newest intact
    checkpoint in the work dir instead.

    Args:
        work_dir (str): Work dir of the training.

    Returns:
        str | None: Path of the checkpoint. A fallback is logged as a
        warning.

    Raises:
        ValueError: If there are checkpoints, but none is intact.
    """
    numbered = _numbered(Path(work_dir))
    named = _named(Path(work_dir))
    order = ([named] if named else []) + [
        path for path in numbered if path != named
    ]
    broken = []
    for path in order:
        if not is_intact(path):
            broken.append(str(path))
            continue
        if broken:
            _warn(f'{", ".join(broken)} is cut off or damaged: the training '
                  f'goes on from {path}, the newest that is intact.')
        elif path != named:
            _warn(f'{Path(work_dir) / _POINTER} is missing, empty or names no '
                  f'file: the training goes on from {path}, the newest '
                  'checkpoint there.')
        return str(path)
    if broken:
        raise ValueError(
            f'--resume: none of {broken} is intact. Move them away to begin '
            'anew.')
    return None


def set_up_resume(cfg: Config, checkpoint: Optional[str],
                  options: Optional[dict] = None) -> None:
    """Sets the config keys ``load_from`` and ``resume`` of a training.

    mmengine resumes from ``load_from`` when ``resume`` is set. A training
    that starts from the weights of another one, such as a finished supervised
    training, would then also take over its iteration and end at once. This
    function resumes only if the training itself has written a checkpoint.

    Args:
        cfg (Config): Config of the training; changed in place.
        checkpoint (str | None): Result of :func:`checkpoint_to_resume`.
        options (dict, optional): Values of ``--cfg-options``. A ``load_from``
            there names the checkpoint to resume from, as in mmseg. Defaults
            to None.
    """
    begin = cfg.get('load_from')
    cfg.load_from = checkpoint or begin
    cfg.resume = bool(checkpoint) or bool((options or {}).get('load_from'))


def is_intact(path) -> bool:
    """Whether a torch checkpoint is complete, by its ZIP checksums.

    Args:
        path (str | Path): Checkpoint file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            holds = any(osp.basename(name) == 'data.pkl'
                        for name in archive.namelist())
            return holds and archive.testzip() is None
    except (OSError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile):
        return False


def finished_message(checkpoint: Optional[str], cfg: Config,
                     test_command: str) -> Optional[str]:
    """Message for a training that is already finished.

    Args:
        checkpoint (str | None): Result of :func:`checkpoint_to_resume`.
        cfg (Config): Config of the training.
        test_command (str): Command that tests a checkpoint, without the path
            of the checkpoint.

    Returns:
        str | None: One line; None if iterations or epochs are left.
    """
    match = _NUMBERED.fullmatch(osp.basename(checkpoint or ''))
    if not match or match[3]:
        return None
    unit, done = match[1], int(match[2])
    end = cfg.train_cfg.get(f'max_{unit}s')
    if end is None or done < end:
        return None
    return (f'This training is finished ({unit} {done} of {end}): '
            f'{checkpoint}. Test it: {test_command} '
            f'{shlex.quote(str(checkpoint))}. To train longer, raise '
            f'train_cfg.max_{unit}s.')


def _named(work_dir: Path) -> Optional[Path]:
    pointer = work_dir / _POINTER
    try:
        name = pointer.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
    # An absolute path is wrong once the folder has moved.
    for path in (Path(name), work_dir / osp.basename(name)):
        if name and path.is_file():
            return path
    return None


def _numbered(work_dir: Path) -> List[Path]:
    """Checkpoints of a work dir, newest first."""
    found = [((int(match[2]), int(match[3] or 0)), path)
             for path in work_dir.glob('*.pth')
             for match in [_NUMBERED.fullmatch(path.name)] if match]
    return [path for _, path in sorted(found, reverse=True)]


def _warn(text: str) -> None:
    print_log(text, logger='current', level=logging.WARNING)
