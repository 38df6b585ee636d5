"""Gathering of rows from processes with different numbers of rows."""
import torch
from mmengine.dist import all_gather, get_world_size
from torch import Tensor


def gathered_rows(rows: Tensor) -> Tensor:
    """Rows of all processes in the order of their ranks.

    A collective call: every process must make it. The number of rows may
    differ between processes and may be 0. No gradient flows through it.

    Args:
        rows (Tensor): Shape (n, ...); n may differ between processes, the
            other sizes may not.

    Returns:
        Tensor: Shape (sum of all n, ...). With a single process, ``rows``.
    """
    if get_world_size() == 1:
        return rows
    count = torch.tensor([len(rows)], device=rows.device)
    counts = torch.cat(all_gather(count)).tolist()
    if not any(counts):
        return rows
    # all_gather needs tensors of one size.
    padded = rows.new_zeros(max(counts), *rows.shape[1:])
    padded[:len(rows)] = rows.detach()
    return torch.cat([
        part[:number] for part, number in zip(all_gather(padded), counts)
    ])
