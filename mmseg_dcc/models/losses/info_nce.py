"""InfoNCE with class-masked negatives: value and gradient in one pass."""
import math

import torch
from torch import Tensor

# Numbers of (anchors, negatives) of a tile. Only the similarities of one tile
# are in memory at a time. On a CPU they fit the second-level cache (1 MiB);
# other devices need larger tiles to be busy (64 MiB).
_TILE_SIZES = {'cpu': (256, 1024)}
_LARGE_TILE_SIZES = (4096, 4096)

# Keeps the memory beside the tiles independent of the size of the bank.
_NEGATIVES_SORTED_AT_ONCE = 65536
# Private op of PyTorch's compiler: used if present, not required.
_HAS_ONEDNN = (
    torch.backends.mkldnn.is_available()
    and hasattr(torch.ops.mkldnn, '_linear_pointwise'))


# The tiles depend on the labels, which no compiler can trace.
@torch.compiler.disable
def info_nce(anchor: Tensor, positive: Tensor, negatives: Tensor,
             anchor_labels: Tensor, negative_labels: Tensor,
             temperature: float) -> Tensor:
    r"""InfoNCE of each anchor against negatives of other classes (Eq. 5).

    .. math::
        l_i = -\log \frac{e^{a_i \cdot p_i / \tau}}
        {e^{a_i \cdot p_i / \tau} + \sum_{j:\, \tilde y_j \neq \tilde y_i}
        e^{a_i \cdot n_j / \tau}}

    Positives and negatives carry no gradient. The gradient of the anchors is
    therefore a by-product of the forward pass (attention whose keys and
    values are the negatives): nothing of size n x m is stored, and nothing
    is computed twice. With both sides sorted by label, the anchors that are
    masked for a negative are one contiguous range, and most of these
    products are skipped.

    The matrix products follow ``torch.set_float32_matmul_precision``.

    Args:
        anchor (Tensor): L2-normalised rows, shape (n, c), floating point.
        positive (Tensor): L2-normalised rows, shape (n, c).
        negatives (Tensor): L2-normalised rows, shape (m, c).
        anchor_labels (Tensor): Pseudo labels, shape (n,), integer.
        negative_labels (Tensor): Pseudo labels, shape (m,), integer.
        temperature (float): Divides every similarity, > 0.

    Returns:
        Tensor: Loss of each anchor, shape (n,), at least float32, also
        inside autocast. It can be differentiated once, with respect to
        ``anchor`` alone.
    """
    return _InfoNCE.apply(anchor, positive, negatives, anchor_labels,
                          negative_labels, temperature)


class _InfoNCE(torch.autograd.Function):

    @staticmethod
    def forward(ctx, anchor, positive, negatives, anchor_labels,
                negative_labels, temperature):
        dtype = torch.promote_types(anchor.dtype, torch.float32)
        with torch.autocast(anchor.device.type, enabled=False):
            losses, gradient = _losses_and_gradient(
                anchor.to(dtype), positive.to(dtype), negatives, anchor_labels,
                negative_labels, temperature)
        ctx.save_for_backward(gradient)
        ctx.anchor_dtype = anchor.dtype
        return losses

    @staticmethod
    def backward(ctx, grad_losses):
        # Without this error a second derivative would silently lack a term.
        if torch.is_grad_enabled():
            raise RuntimeError(
                'The DC loss can only be differentiated once, but its '
                'backward pass was called with create_graph=True. Leave the '
                'DC loss out of gradient penalties and other second '
                'derivatives.')
        gradient, = ctx.saved_tensors
        gradient = (grad_losses[:, None] * gradient).to(ctx.anchor_dtype)
        return gradient, None, None, None, None, None


def _losses_and_gradient(anchor, positive, negatives, anchor_labels,
                         negative_labels, temperature):
    """Value (n,) and derivative (n, c) of :func:`info_nce`."""
    labels, order = anchor_labels.sort()
    # Scaling the anchors takes n x c multiplications instead of n x m. exp2
    # is faster than exp.
    queries = anchor[order] * (math.log2(math.e) / temperature)
    positive = positive[order]
    positive_logit = (queries * positive).sum(1)

    # Running log-sum-exp, started with the positive: exact at any
    # temperature, since the largest term is always 2 ** 0.
    maximum = positive_logit.clone()
    total = torch.ones_like(maximum)
    weighted = positive.clone()
    for start in range(0, len(negatives), _NEGATIVES_SORTED_AT_ONCE):
        block = slice(start, start + _NEGATIVES_SORTED_AT_ONCE)
        for rows, keys, shared, key_labels in _tiles(labels, negatives[block],
                                                     negative_labels[block]):
            keys = keys.to(queries.dtype)
            weights = product(queries[rows], keys)
            if shared is not None:
                same = labels[rows][shared, None] == key_labels
                weights[shared].masked_fill_(same, float('-inf'))
            new_maximum = torch.maximum(maximum[rows], weights.amax(1))
            weights.sub_(new_maximum[:, None]).exp2_()
            rescale = (maximum[rows] - new_maximum).exp2_()
            maximum[rows] = new_maximum
            total[rows] = (total[rows] * rescale).add_(weights.sum(1))
            weighted[rows].mul_(rescale[:, None]).add_(
                product(weights, keys.T))

    losses = torch.empty_like(total)
    losses[order] = (maximum + total.log2() - positive_logit) * math.log(2)
    gradient = torch.empty_like(weighted)
    gradient[order] = (weighted / total[:, None] - positive) / temperature
    return losses, gradient


def product(left: Tensor, right: Tensor) -> Tensor:
    """Matrix product ``left @ right.T``, by oneDNN where possible.

    For float32 on a CPU PyTorch calls MKL, which on AMD has half the speed of
    oneDNN, the library of its convolutions. Both have float32 precision.
    """
    if (_HAS_ONEDNN and left.device.type == 'cpu'
            and left.dtype == torch.float32):
        return torch.ops.mkldnn._linear_pointwise(left, right, None, 'none',
                                                  [], '')
    return left @ right.T


def _tiles(labels: Tensor, negatives: Tensor, negative_labels: Tensor):
    """Generator of the tiles that must be multiplied; ``labels`` are sorted.

    Yields:
        tuple: Slice of the anchors; negatives; slice, or None, of those of
        the anchors whose label occurs among the negatives; labels of the
        negatives.
    """
    n, m = len(labels), len(negatives)
    anchor_tile, negative_tile = _TILE_SIZES.get(labels.device.type,
                                                 _LARGE_TILE_SIZES)
    negative_labels, order = negative_labels.sort()
    starts = torch.arange(0, m, negative_tile, device=labels.device)
    ends = (starts + negative_tile).clamp_(max=m)
    lowest = negative_labels[starts]
    highest = negative_labels[ends - 1]
    shared_from = torch.searchsorted(labels, lowest)
    shared_to = torch.searchsorted(labels, highest, right=True)
    # One transfer to the host for all tiles.
    plan = torch.stack(
        [starts, ends, shared_from, shared_to, (lowest != highest).long()])
    for start, end, shared_first, shared_last, mixed in plan.T.tolist():
        keys = negatives[order[start:end]]
        # Negatives of a single label are masked for all anchors of it.
        ranges = [(0, n)] if mixed else [(0, shared_first), (shared_last, n)]
        for first, last in ranges:
            for row in range(first, last, anchor_tile):
                stop = min(row + anchor_tile, last)
                shared = slice(
                    max(shared_first - row, 0), min(shared_last, stop) - row)
                yield (slice(row, stop), keys,
                       shared if shared.start < shared.stop else None,
                       negative_labels[start:end])
