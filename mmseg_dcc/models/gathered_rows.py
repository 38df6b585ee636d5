"""Rows of all processes, of which each has as many as it happens to have."""
import torch
from mmengine.dist import all_gather, get_world_size
from torch import Tensor


def gathered_rows(rows: Tensor) -> Tensor:
    """Rows of all processes in the order of their ranks.

    Every process must call it at the same place of its step; how many rows
    each brings may differ, none included. No gradient flows through it.

    Args:
        rows (Tensor): Shape (n, ...), the same but for n in each process.

    Returns:
        Tensor: Shape (sum of all n, ...). Of a single process, its own.
    """
    if get_world_size() == 1:
        return rows
    count = torch.tensor([len(rows)], device=rows.device)
    counts = torch.cat(all_gather(count)).tolist()
    if not any(counts):
        return rows
    # what is exchanged must have one size
    padded = rows.new_zeros(max(counts), *rows.shape[1:])
    padded[:len(rows)] = rows.detach()
    return torch.cat([
        part[:number] for part, number in zip(all_gather(padded), counts)
    ])
