"""Eqs. 5 to 8 of the paper by loops over float64 numbers."""
import math

import torch
import torch.nn.functional as F


def unit_rows(count, channels, generator, dtype=torch.float64):
    rows = torch.randn(count, channels, generator=generator, dtype=dtype)
    return F.normalize(rows, dim=1)


def skewed_labels(count, num_classes, skew, generator):
    """Unsorted labels; class 0 is the more frequent, the higher ``skew``."""
    uniform = torch.rand(count, generator=generator)
    return (uniform**(1 + skew) * num_classes).long()


def relative_error(got, expected):
    error = (got.double() - expected).norm() / expected.norm().clamp(1e-12)
    return error.item()


def naive_info_nce(anchor, positive, negatives, anchor_labels,
                   negative_labels, temperature):
    """Loss of each anchor and its derivative, Eq. 5 without the mean."""
    anchor, positive, negatives = (
        rows.double().tolist() for rows in (anchor, positive, negatives))
    losses, gradients = [], []
    for a, p, label in zip(anchor, positive, anchor_labels.tolist()):
        others = [
            row for row, other in zip(negatives, negative_labels.tolist())
            if other != label
        ]
        logits = [
            math.fsum(x * y for x, y in zip(a, row)) / temperature
            for row in [p, *others]
        ]
        largest = max(logits)
        terms = [math.exp(logit - largest) for logit in logits]
        total = math.fsum(terms)
        losses.append(math.log(total) + largest - logits[0])
        gradients.append([
            (math.fsum(term * row[k] for term, row in zip(terms, [p, *others]))
             / total - p[k]) / temperature for k in range(len(a))
        ])
    shape = (len(anchor), -1) if anchor else (0, 0)
    return (torch.tensor(losses, dtype=torch.float64),
            torch.tensor(gradients, dtype=torch.float64).reshape(shape))


def naive_direction(anchor,
                    positive,
                    negatives,
                    anchor_confidence,
                    positive_confidence,
                    anchor_labels,
                    negative_labels,
                    temperature,
                    threshold,
                    directional=True,
                    negative_sampling=True):
    """Eq. 6, the mean taken over the active positions, and its gradient."""
    total, active = 0., 0
    gradient = torch.zeros(anchor.shape, dtype=torch.float64)
    for i in range(len(anchor)):
        confidence = float(positive_confidence[i])
        if not confidence > threshold:
            continue
        if directional and not float(anchor_confidence[i]) < confidence:
            continue
        labels = anchor_labels[i:i + 1]
        if not negative_sampling:
            labels = torch.full_like(labels, -7)
        loss, row = naive_info_nce(anchor[i:i + 1], positive[i:i + 1],
                                   negatives, labels, negative_labels,
                                   temperature)
        total, active = total + loss.sum(), active + 1
        gradient[i] = row[0]
    return (torch.as_tensor(total / max(active, 1), dtype=torch.float64),
            gradient / max(active, 1))
