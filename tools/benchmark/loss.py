"""Times the DC loss against the published scheme, forward and backward.

The published scheme is a plain implementation of what it does: all rows in
both directions, negatives in chunks of 8,000, each chunk checkpointed. Both
get the same inputs and must agree before they are timed. One thread, process
time.

Example:
    python tools/benchmark/loss.py --json loss.json
"""
import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

import mmseg_dcc  # noqa: F401
from mmseg_dcc.models.losses import DirectionalContrastiveLoss

TEMPERATURE, THRESHOLD, CHUNK = 0.1, 0.75, 8000


def make_inputs(positions, negatives, classes, background, channels=128):
    """Random unit features; ``background`` is the share of class 0."""
    torch.manual_seed(0)
    shares = torch.full((classes, ), (1 - background) / max(classes - 1, 1))
    shares[0] = background

    def draw(count):
        labels = torch.multinomial(shares, count, replacement=True)
        return F.normalize(torch.randn(count, channels), dim=1), labels

    features1, labels1 = draw(positions)
    features2 = F.normalize(
        features1 + 0.5 * F.normalize(torch.randn_like(features1)), dim=1)
    # About a third of the 2n rows is active, as in training.
    confidence = 1 - 0.4 * torch.rand(2, positions)
    bank, bank_labels = draw(negatives)
    return (features1.requires_grad_(), features2.requires_grad_(),
            confidence[0], confidence[1], labels1, labels1, bank, bank_labels)


def published_scheme(features1, features2, confidence1, confidence2, labels1,
                     labels2, negatives, negative_labels):
    """Sum of both directions, as the published code computes it."""

    def chunk_sum(anchor, labels, start):
        part = slice(start, start + CHUNK)
        logits = anchor @ negatives[part].T / TEMPERATURE
        different = labels[:, None] != negative_labels[part]
        return (different * (logits - 1 / TEMPERATURE).exp()).sum(1)

    def direction(anchor, positive, own, other, labels):
        active = (own < other) & (other > THRESHOLD)
        logit = (anchor * positive.detach()).sum(1) / TEMPERATURE
        positive_term = (logit - 1 / TEMPERATURE).exp()
        total = positive_term
        for start in range(0, len(negatives), CHUNK):
            total = total + checkpoint(
                chunk_sum, anchor, labels, start, use_reentrant=False)
        losses = total.log() - positive_term.log()
        return (losses * active).sum() / active.sum()

    return (direction(features1, features2, confidence1, confidence2, labels1)
            + direction(features2, features1, confidence2, confidence1,
                        labels2))


def forward_backward(function, inputs):
    features = inputs[:2]
    for tensor in features:
        tensor.grad = None
    loss = function(*inputs)
    loss.backward()
    return loss.item(), torch.cat([tensor.grad for tensor in features])


def seconds(function, repeats):
    times = []
    for _ in range(repeats):
        started = time.process_time()
        function()
        times.append(time.process_time() - started)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--positions', type=int, default=4000)
    parser.add_argument('--negatives', type=int, default=76800)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--json', help='also write the figures to this file')
    args = parser.parse_args()
    torch.set_num_threads(1)
    ours = DirectionalContrastiveLoss(TEMPERATURE, THRESHOLD, loss_weight=1.)
    rows = []
    print('| classes | labels | published (s) | ours (s) | times faster | '
          'ours / two matrix products |\n|---|---|---|---|---|---|')
    for classes, background in ((21, 0.7), (21, 1 / 21), (150, 0.7),
                                (150, 1 / 150), (2, 0.7), (2, 0.5)):
        inputs = make_inputs(args.positions, args.negatives, classes,
                             background)
        expected = forward_backward(published_scheme, inputs)
        got = forward_backward(ours, inputs)
        for value, other in zip(got, expected):
            torch.testing.assert_close(value, other, rtol=1e-4, atol=1e-6)
        active = sum(mask.sum().item() for mask in ours.active_masks(
            inputs[2], inputs[3]))
        queries, bank = torch.randn(active, 128), inputs[6]
        # side by side, so that both see the same state of the machine
        times = [
            seconds(call, args.repeats)
            for call in (lambda i=inputs: forward_backward(
                published_scheme, i), lambda i=inputs: forward_backward(
                    ours, i), lambda q=queries, b=bank: (q @ b.T) @ b)
        ]
        row = dict(
            classes=classes,
            background=round(background, 3),
            published=times[0],
            ours=times[1],
            matrix_products=times[2])
        rows.append(row)
        print(
            f'| {classes} | {background:.0%} class 0 | {times[0]:.1f} | '
            f'{times[1]:.2f} | {times[0] / times[1]:.0f} | '
            f'{times[1] / times[2]:.2f} |',
            flush=True)
    if args.json:
        with open(args.json, 'w') as file:
            json.dump(rows, file, indent=2)


if __name__ == '__main__':
    main()
