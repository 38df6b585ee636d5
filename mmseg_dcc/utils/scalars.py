"""Scalars that a training logged, from mmengine's scalars.json."""
import json
from pathlib import Path
from typing import Dict

Curves = Dict[str, Dict[int, float]]
# keys of a log line that are not results
_OTHERS = ('data_time', 'time', 'iter', 'epoch', 'step', 'memory')


class Scalars:
    """Logged scalars of a training by iteration, over all its starts.

    Each update reads only the lines added since the last one, as the log of a
    long training can have hundreds of megabytes.

    Args:
        work_dir (Path): Work dir of the training, with
            ``*/vis_data/scalars.json``.
    """

    def __init__(self, work_dir: Path) -> None:
        self._work_dir = Path(work_dir)
        self._offsets: Dict[Path, int] = {}
        self._iteration = 0
        self.training: Curves = {}
        """Curves by key, values by training iteration."""
        self.validation: Curves = {}
        """Curves by key, values by the last training iteration logged."""

    def update(self) -> None:
        """Reads the new lines."""
        for path in sorted(self._work_dir.glob('*/vis_data/scalars.json')):
            offset = self._offsets.get(path, 0)
            with open(path, 'rb') as file:
                file.seek(offset)
                added = file.read()
            # a killed process may have left a partial last line
            added = added[:added.rfind(b'\n') + 1]
            for number, line in enumerate(added.splitlines()):
                self._add(json.loads(line), begins=offset + number == 0)
            self._offsets[path] = offset + len(added)

    def _add(self, line: dict, begins: bool) -> None:
        trains = 'lr' in line or 'loss' in line
        if trains:
            self._iteration = line['step']
            if begins:
                # a resumed training replaces the iterations that it repeats
                self._forget(self._iteration)
        curves = self.training if trains else self.validation
        for key, value in line.items():
            if key not in _OTHERS and isinstance(value, (int, float)):
                curves.setdefault(key, {})[self._iteration] = value

    def _forget(self, iteration: int) -> None:
        for curves in (self.training, self.validation):
            for key, curve in curves.items():
                curves[key] = {
                    i: value for i, value in curve.items() if i < iteration}
