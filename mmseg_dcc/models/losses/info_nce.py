"""One pass for value and gradient of InfoNCE with class-masked negatives."""
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# (anchors, negatives) of one tile, whose similarities are what is held at a
# time. On a CPU they fit the second-level cache (1 MiB); other devices need
# larger pieces to be busy (64 MiB).
_TILE_SIZES = {'cpu': (128, 2048)}
_LARGE_TILE_SIZES = (1024, 16384)


def info_nce(anchor: Tensor, positive: Tensor, negatives: Tensor,
             anchor_labels: Tensor, negative_labels: Tensor,
             temperature: float) -> Tensor:
    r"""InfoNCE of each anchor against negatives of other classes (Eq. 5).

    .. math::
        l_i = -\log \frac{e^{a_i \cdot p_i / \tau}}
        {e^{a_i \cdot p_i / \tau} + \sum_{j:\, \tilde y_j \neq \tilde y_i}
        e^{a_i \cdot n_j / \tau}}

    Positives and negatives carry no gradient. The gradient of the anchors is
    then a by-product of the forward pass (attention whose keys and values
    are the negatives), so that nothing of size n x m is stored and nothing
    is computed twice. With both sides sorted by label, the negatives that
    are masked for a tile of anchors are one contiguous range, and most of
    them are never multiplied.

    Args:
        anchor (Tensor): L2-normalised rows, shape (n, c), floating point.
        positive (Tensor): L2-normalised rows, shape (n, c).
        negatives (Tensor): L2-normalised rows, shape (m, c).
        anchor_labels (Tensor): Pseudo labels, shape (n,), integer.
        negative_labels (Tensor): Pseudo labels, shape (m,), integer.
        temperature (float): Divides every similarity, > 0.

    Returns:
        Tensor: One loss an anchor, shape (n,), at least float32 also inside
        autocast. Differentiable once, with respect to ``anchor`` alone.
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
                anchor.to(dtype), positive.to(dtype), negatives.to(dtype),
                anchor_labels, negative_labels, temperature)
        ctx.save_for_backward(gradient)
        ctx.anchor_dtype = anchor.dtype
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_losses):
        gradient, = ctx.saved_tensors
        gradient = (grad_losses[:, None] * gradient).to(ctx.anchor_dtype)
        return gradient, None, None, None, None, None


def _losses_and_gradient(anchor, positive, negatives, anchor_labels,
                         negative_labels, temperature):
    """Value (n,) and derivative (n, c) of :func:`info_nce`."""
    anchor_labels, anchor_order = anchor_labels.sort()
    negative_labels, negative_order = negative_labels.sort()
    negatives = negatives[negative_order]
    # The scale goes into the anchors: n x c factors instead of n x m.
    queries = anchor[anchor_order] / temperature
    positive = positive[anchor_order]
    positive_logit = (queries * positive).sum(1)

    # Running log-sum-exp, started with the positive: exact at any
    # temperature, since the largest term is always exp(0).
    maximum = positive_logit.clone()
    total = torch.ones_like(maximum)
    weighted = positive.clone()
    for rows, first, last, masked in _tiles(anchor_labels, negative_labels):
        keys = negatives[first:last]
        weights = queries[rows] @ keys.T
        if masked:
            same = anchor_labels[rows, None] == negative_labels[first:last]
            weights.masked_fill_(same, float('-inf'))
        new_maximum = torch.maximum(maximum[rows], weights.amax(1))
        weights.sub_(new_maximum[:, None]).exp_()
        rescale = (maximum[rows] - new_maximum).exp_()
        maximum[rows] = new_maximum
        total[rows] = (total[rows] * rescale).add_(weights.sum(1))
        weighted[rows] = torch.addmm(
            weighted[rows].mul_(rescale[:, None]), weights, keys)

    losses = torch.empty_like(total)
    losses[anchor_order] = maximum + total.log() - positive_logit
    gradient = torch.empty_like(weighted)
    gradient[anchor_order] = (weighted / total[:, None] -
                              positive) / temperature
    return losses, gradient


def _tiles(anchor_labels: Tensor, negative_labels: Tensor):
    """Yields the tiles that must be multiplied, given sorted labels.

    Yields:
        tuple: slice of anchors, first and last (exclusive) negative, and
        whether some pairs of the tile share a label.
    """
    n, m = len(anchor_labels), len(negative_labels)
    if n == 0 or m == 0:
        return
    device = anchor_labels.device
    anchor_tile, negative_tile = _TILE_SIZES.get(device.type,
                                                 _LARGE_TILE_SIZES)
    starts = torch.arange(0, n, anchor_tile, device=device)
    ends = (starts + anchor_tile).clamp_(max=n)
    lowest = anchor_labels[starts]
    highest = anchor_labels[ends - 1]
    shared_from = torch.searchsorted(negative_labels, lowest)
    shared_to = torch.searchsorted(negative_labels, highest, right=True)
    # One transfer to the host for all tiles.
    plan = torch.stack(
        [starts, ends, shared_from, shared_to, (lowest != highest).long()])
    for start, end, shared_first, shared_last, mixed in plan.T.tolist():
        rows = slice(start, end)
        ranges = [(0, shared_first, False), (shared_last, m, False)]
        if mixed:  # else the shared range is masked for the whole tile
            ranges.insert(1, (shared_first, shared_last, True))
        for first, last, masked in ranges:
            for tile in range(first, last, negative_tile):
                yield rows, tile, min(tile + negative_tile, last), masked
