"""Runs a function in several processes that talk through gloo."""
import torch
import torch.distributed as dist
import torch.multiprocessing


def run_processes(function, folder, world_size=2):
    """Results of ``function(rank)`` in the order of the ranks."""
    torch.multiprocessing.spawn(
        _run, args=(function, str(folder), world_size), nprocs=world_size)
    return [torch.load(folder / f'rank{rank}.pt')
            for rank in range(world_size)]


def _run(rank, function, folder, world_size):
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
