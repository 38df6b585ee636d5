"""Measurements of the benchmarks: time, peak memory, tables and JSON."""
import ctypes
import gc
import json
import platform
import statistics
import time
from pathlib import Path
from typing import Callable, Dict, List, Optional

import torch

_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of glibc


def median_seconds(functions: Dict[str, Callable],
                   repeats: int) -> Dict[str, float]:
    """Median process time of each function.

    The functions take turns, in alternating order, so that all see the same
    state of the machine and none always runs first.
    """
    times: Dict[str, list] = {name: [] for name in functions}
    order = list(functions)
    for _ in range(repeats):
        order.reverse()
        for name in order:
            started = time.process_time()
            functions[name]()
            times[name].append(time.process_time() - started)
    return {name: statistics.median(each) for name, each in times.items()}


def peak_megabytes(function: Callable) -> float:
    """Peak memory of the process during a call, minus that before it, in MB.

    Linux with glibc only. The recorded peak of the resident set is reset
    before the call.
    """
    gc.collect()
    libc = ctypes.CDLL(None)
    libc.malloc_trim(0)  # what is free must not hide the peak
    # Tensors go back to the system at once, or gaps between them would count.
    libc.mallopt(_MMAP_THRESHOLD, 2**20)
    Path('/proc/self/clear_refs').write_text('5')
    before = _resident('VmRSS')
    function()
    libc.mallopt(_MMAP_THRESHOLD, 2**25)  # fast again: the usual maximum
    return (_resident('VmHWM') - before) / 1e6


def _resident(key: str) -> int:
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(key + ':'):
            return int(line.split()[1]) * 1024
    raise OSError(f'/proc/self/status has no {key}.')


def print_table(rows: List[dict], formats: Optional[dict] = None) -> None:
    """Prints rows as Markdown; ``formats`` by key, such as ``'.2f'``."""
    formats = formats or {}
    print('| ' + ' | '.join(rows[0]) + ' |')
    print('|---' * len(rows[0]) + '|')
    for row in rows:
        print('| ' + ' | '.join(
            format(value, formats.get(key, '')) for key, value in row.items())
              + ' |')


def write_json(path: Optional[str], results: dict) -> None:
    """Writes the figures and the machine they were measured on."""
    if path is None:
        return
    machine = dict(
        processor=platform.processor() or platform.machine(),
        cores=torch.get_num_threads(),
        torch=torch.__version__,
        python=platform.python_version())
    with open(path, 'w') as file:
        json.dump(dict(machine=machine, **results), file, indent=2)
