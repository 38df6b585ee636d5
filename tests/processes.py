"""Runs a function in several processes that communicate through gloo."""
import faulthandler
import multiprocessing
import os
import signal
import time
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing


def run_processes(function, folder, world_size=2, seconds=120):
    """Results of ``function(rank)`` in the order of the ranks.

    Raises:
        RuntimeError: If one fails, or they take longer than ``seconds``. The
            message has the output of each and, if it still ran, its stack.
    """
    # forked from a process that has imported the packages, which takes seconds
    multiprocessing.set_forkserver_preload(['tests.conftest'])
    context = torch.multiprocessing.start_processes(
        _run,
        args=(function, str(folder), world_size, dict(os.environ)),
        nprocs=world_size,
        join=False,
        start_method='forkserver')
    end = time.monotonic() + seconds
    try:
        while not context.join(max(end - time.monotonic(), 0)):
            if time.monotonic() > end:
                raise TimeoutError(f'Not all had ended after {seconds} s.')
    except Exception as error:
        outputs = (
            f'\n---- rank {rank}, {_end(process)}\n{_output(folder, rank)}'
            for rank, process in enumerate(context.processes))
        raise RuntimeError(f'{error}{"".join(outputs)}') from error
    return [torch.load(folder / f'rank{rank}.pt')
            for rank in range(world_size)]


def _end(process):
    if not process.is_alive():
        return f'ended with {process.exitcode}:'
    # `faulthandler` answers with the stack of each thread
    os.kill(process.pid, signal.SIGABRT)
    process.join(5)
    process.kill()
    return 'still ran:'


def _output(folder, rank):
    path = Path(folder, f'rank{rank}.txt')
    return path.read_text() if path.exists() else '(had not begun)'


def _run(rank, function, folder, world_size, environment):
    os.environ.update(environment)  # of the test
    with open(f'{folder}/rank{rank}.txt', 'w') as output:
        for stream in (1, 2):
            os.dup2(output.fileno(), stream)
    faulthandler.enable()
    torch.set_num_threads(1)
    dist.init_process_group(
        'gloo',
        init_method=f'file://{folder}/rendezvous',
        rank=rank,
        world_size=world_size)
    try:
        torch.save(function(rank), f'{folder}/rank{rank}.pt')
    finally:
        dist.destroy_process_group()
