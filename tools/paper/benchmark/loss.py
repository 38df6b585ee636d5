"""Times the DC loss against the published scheme, forward and backward.

The published scheme is a plain implementation of the published code: all rows
in both directions, negatives in chunks of 8,000, each chunk checkpointed. The
dense scheme multiplies the active rows with all negatives at once. All schemes
get the same inputs and must agree before they are timed. One thread, process
time, median of several.

Example:
    python tools/paper/benchmark/loss.py --json loss.json
    python tools/paper/benchmark/loss.py --curve loss.png --json curve.json
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse

import torch
import torch.nn.functional as F
from measure import median_seconds, peak_megabytes, print_table, write_json
from torch.utils.checkpoint import checkpoint

import mmseg_dcc  # noqa: F401
from mmseg_dcc.models.losses import DirectionalContrastiveLoss
from mmseg_dcc.models.losses.info_nce import product

TEMPERATURE, THRESHOLD, CHANNELS, CHUNK = 0.1, 0.75, 128, 8000

OURS = DirectionalContrastiveLoss(TEMPERATURE, THRESHOLD, loss_weight=1.)

# (classes, share of class 0, the others share the rest)
LABELS = [(21, 0.7), (2, 0.7), (150, 0.7), (21, 1 / 21), (2, 1 / 2),
          (150, 1 / 150)]

CURVE = [500, 2000, 8000, 32000, 128000, 500000, 1000000]


def make_inputs(positions, negatives, classes, background):
    """Random unit features; ``background`` is the share of class 0."""
    torch.manual_seed(0)
    shares = torch.full((classes, ), (1 - background) / max(classes - 1, 1))
    shares[0] = background

    def draw(count):
        labels = torch.multinomial(shares, count, replacement=True)
        return F.normalize(torch.randn(count, CHANNELS), dim=1), labels

    features1, labels1 = draw(positions)
    features2 = F.normalize(
        features1 + 0.5 * F.normalize(torch.randn_like(features1)), dim=1)
    # Three eighths of the 2n rows are active.
    confidence = 1 - 0.5 * torch.rand(2, positions)
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


def dense_scheme(features1, features2, confidence1, confidence2, labels1,
                 labels2, negatives, negative_labels):
    """DC loss of the active rows against all negatives in one product."""

    def direction(anchor, positive, own, other, labels):
        rows = ((own < other) & (other > THRESHOLD)).nonzero()[:, 0]
        anchor = anchor[rows]
        logit = (anchor * positive.detach()[rows]).sum(1, keepdim=True)
        same = labels[rows, None] == negative_labels
        logits = (anchor @ negatives.T).masked_fill(same, float('-inf'))
        logits = torch.cat([logit, logits], 1) / TEMPERATURE
        return -logits.log_softmax(1)[:, 0].mean()

    return (direction(features1, features2, confidence1, confidence2, labels1)
            + direction(features2, features1, confidence2, confidence1,
                        labels2))


def forward_backward(function, inputs):
    features = inputs[:2]
    for tensor in features:
        tensor.grad = None
    loss = function(*inputs)
    loss.backward()
    return loss.detach(), torch.cat([tensor.grad for tensor in features])


def schemes_for(inputs, dense=True):
    """Callables by name, after a check that all give the same result."""
    functions = dict(published=published_scheme, ours=OURS)
    if dense:
        functions['dense'] = dense_scheme
    schemes = {
        name: lambda f=function: forward_backward(f, inputs)
        for name, function in functions.items()
    }
    expected = schemes['published']()
    for name in functions:
        for got, wanted in zip(schemes[name](), expected):
            torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-6)
    return schemes


def benchmark_labels(args) -> list:
    """Rows of the table, one for each distribution of labels."""
    rows = []
    for classes, background in LABELS[:args.rows]:
        inputs = make_inputs(args.positions, args.negatives, classes,
                             background)
        schemes = schemes_for(inputs)
        active = sum(
            mask.sum().item() for mask in OURS.active_masks(*inputs[2:4]))
        queries, bank = torch.randn(active, CHANNELS), inputs[6]
        memory = {name: peak_megabytes(schemes[name]) for name in schemes}
        schemes['products'] = lambda q=queries, b=bank: product(
            product(q, b), b.T)
        seconds = median_seconds(schemes, args.repeats)
        rows.append({
            'classes': classes,
            'class 0': background,
            'active rows': active,
            'published (s)': seconds['published'],
            'ours (s)': seconds['ours'],
            'times faster': seconds['published'] / seconds['ours'],
            'ours / two products': seconds['ours'] / seconds['products'],
            'ours / dense': seconds['ours'] / seconds['dense'],
            'published (MB)': memory['published'],
            'dense (MB)': memory['dense'],
            'ours (MB)': memory['ours'],
        })
        print(f'{classes} classes, {background:.0%} class 0: done', flush=True)
    return rows


def benchmark_curve(args) -> list:
    """Rows of the curve, one per number of negatives, 21 skewed classes."""
    rows = []
    for negatives in args.curve_negatives:
        inputs = make_inputs(args.positions, negatives, *LABELS[0])
        schemes = schemes_for(inputs, dense=False)
        memory = {name: peak_megabytes(schemes[name]) for name in schemes}
        seconds = median_seconds(schemes, args.repeats)
        rows.append({
            'negatives': negatives,
            'published (s)': seconds['published'],
            'ours (s)': seconds['ours'],
            'times faster': seconds['published'] / seconds['ours'],
            'published (MB)': memory['published'],
            'ours (MB)': memory['ours'],
            'bank (MB)': inputs[6].nbytes / 1e6,
        })
        print(f'{negatives} negatives: done', flush=True)
    return rows


def draw_curve(rows: list, path: str) -> None:
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.6))
    negatives = [row['negatives'] for row in rows]
    for panel, unit, title in zip(
            panels, ('s', 'MB'),
        ('Forward and backward, one thread (s)',
         'Peak memory beyond the bank (MB)')):
        for name, color in (('published', '0.5'), ('ours', 'tab:blue')):
            panel.loglog(
                negatives, [row[f'{name} ({unit})'] for row in rows],
                'o-',
                color=color,
                label='this project' if name == 'ours' else 'published scheme')
        panel.set_title(title, fontsize=10)
        panel.set_xlabel('negatives')
        panel.grid(alpha=0.3)
    panels[1].set_ylim(bottom=1)
    panels[0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--positions', type=int, default=2000, help='of the overlaps')
    parser.add_argument('--negatives', type=int, default=76800)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument(
        '--rows', type=int, default=len(LABELS), help='of the table')
    parser.add_argument(
        '--curve',
        metavar='PNG',
        help='draw time and memory against the number of negatives instead')
    parser.add_argument(
        '--curve-negatives', type=int, nargs='+', default=CURVE)
    parser.add_argument('--json', help='also write the figures to this file')
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = benchmark_curve(args) if args.curve else benchmark_labels(args)
    print_table(
        rows, {
            'class 0': '.0%',
            'published (s)': '.3g',
            'ours (s)': '.3g',
            'times faster': '.0f',
            'ours / two products': '.2f',
            'ours / dense': '.2f',
            'published (MB)': '.0f',
            'dense (MB)': '.0f',
            'ours (MB)': '.0f',
            'bank (MB)': '.1f',
        })
    if args.curve:
        draw_curve(rows, args.curve)
    write_json(args.json, dict(positions=args.positions, rows=rows))


if __name__ == '__main__':
    main()
