"""Fig. 3: features of an overlap in other surroundings and in other colors.

Crop I is compared with crop II, which has other surroundings (contextual
augmentation), and with III, which is crop I in other colors (low-level
augmentation). Crops and colors are drawn from images of the test set by the
unlabeled pipeline of the first work dir that has one, without flips.

Example:
    python tools/paper/figures/overlap_tsne.py \
        work_dirs/supervised work_dirs/dcc \
        --out work_dirs/figures/overlap_tsne.png

Features are the inputs of the classifier (f of Fig. 4), which every network
has, not their projections. All three crops of a network share one t-SNE. The
number of a panel is the mean cosine distance between features at the same
position of crop I and of the other crop, over all ``--images``, divided by
that between features at different positions of crop I. It does not depend on
the spread of a network's features: 0 is the same feature, 1 as far apart as
any two. The .json beside the picture has both distances and the points.
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
import json
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

# Imports mmseg_dcc, which must come before mmseg.
from work_dir import (  # isort: skip
    WorkDir, add_arguments, as_input, evenly_spaced, read, save)
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from mmengine.dataset import Compose
from mmengine.runner import set_random_seed
from sklearn.manifold import TSNE
from torch import Tensor, nn

from mmseg_dcc.models.head_features import encoder_features
from mmseg_dcc.models.semi_batch import UNKNOWN_IN_FILES
from mmseg_dcc.structures import ViewInfo

TITLES = ('I', 'II: other surroundings', 'III: other colors')


class Overlap(NamedTuple):
    """Three crops that overlap.

    Args:
        crops (list[np.ndarray]): I, II and III, BGR, shape (h, w, 3).
        infos (list[ViewInfo]): Geometry of each crop.
        boxes (list[tuple]): The overlap in each crop: (top, left, bottom,
            right).
        mask (np.ndarray): True labels of crop I, shape (h, w).
    """
    crops: List[np.ndarray]
    infos: List[ViewInfo]
    boxes: List[tuple]
    mask: np.ndarray

    def labels(self, distance: int) -> np.ndarray:
        """True labels on a grid with this distance in pixels."""
        middle = distance // 2
        positions = torch.from_numpy(
            self.mask[middle::distance, middle::distance])
        return self.infos[0].cut(positions, self.boxes[0]).flatten().numpy()

    def cut(self, maps: Tensor) -> Tensor:
        """Features of the overlap in each crop.

        Args:
            maps (Tensor): Maps of the crops, shape (3, channels, h, w).

        Returns:
            Tensor: Shape (3, n, channels).
        """
        return torch.stack([
            info.cut(single, box).flatten(1).T
            for info, single, box in zip(self.infos, maps, self.boxes)
        ])


def draw_overlaps(work_dir: WorkDir, number: int) -> List[Overlap]:
    """Cuts crops from evenly spaced images of the test set.

    Args:
        work_dir (WorkDir): Work dir with a pipeline that cuts pairs.
        number (int): Number of images.

    Returns:
        list[Overlap]: One for each image.
    """
    pipeline = work_dir.pair_pipeline()
    cut = [step.type for step in pipeline].index('PairedRandomCrop') + 1
    dataset = work_dir.test_set(
        [pipeline[0], dict(type='LoadAnnotations'), *pipeline[1:cut]])
    recolor = Compose(color_transforms(pipeline[cut:]))
    overlaps = []
    for index in evenly_spaced(len(dataset), number):
        first, second = dataset[index]['windows']
        recolored = recolor(dict(img=first['img'].copy()))['img']
        infos = [first['info'], second['info']]
        boxes = infos[0].shared(infos[1])
        overlaps.append(
            Overlap([first['img'], second['img'], recolored],
                    [*infos, infos[0]], [*boxes, boxes[0]],
                    first['masks']['gt']))
    return overlaps


def color_transforms(steps: Sequence[dict]) -> List[dict]:
    """Transforms that change a view but do not move its pixels.

    Args:
        steps (Sequence[dict]): Steps of a pipeline, with ``MultiView``.

    Returns:
        list[dict]: Transforms of the first view that has any, without flips.
    """
    multi_view = next(step for step in steps if step['type'] == 'MultiView')
    for view in multi_view['views'].values():
        found = [
            step for step in (view['transforms']
                              if isinstance(view, dict) else view)
            if step['type'] != 'RandomFlip'
        ]
        if found:
            return found
    return []


@torch.no_grad()
def features_of(model: nn.Module,
                overlap: Overlap) -> Tuple[Tensor, np.ndarray]:
    """Features of the overlap, (3, n, channels), and n true labels."""
    images = [
        torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1)))
        for crop in overlap.crops
    ]
    maps = encoder_features(model, as_input(model, *images)).cpu()
    distance = overlap.mask.shape[1] // maps.shape[3]
    return overlap.cut(maps), overlap.labels(distance)


class Distances:
    """Cosine distances of features, collected over overlaps."""

    def __init__(self) -> None:
        self.totals, self.counts = np.zeros(3), np.zeros(3)

    def add(self, features: Tensor) -> None:
        """Adds the features of an overlap, shape (3, n, c)."""
        first, second, third = F.normalize(features.double(), dim=2)
        n = len(first)
        # Over all i and j, of which the n with i = j have no distance.
        apart = n**2 - float(first.sum(0) @ first.sum(0))
        self.totals += (float((1 - (first * second).sum(1)).sum()),
                        float((1 - (first * third).sum(1)).sum()), apart)
        self.counts += n, n, n * (n - 1)

    def means(self) -> dict:
        """Mean distances; ``relative``: divided by ``different_places``."""
        surroundings, colors, apart = self.totals / self.counts
        return dict(
            other_surroundings=surroundings,
            other_colors=colors,
            different_places=apart,
            relative_other_surroundings=surroundings / apart,
            relative_other_colors=colors / apart)


def embed(features: Tensor, seed: int) -> np.ndarray:
    """One t-SNE of the features of all crops.

    Args:
        features (Tensor): Shape (3, n, c).
        seed (int): Seed of the t-SNE.

    Returns:
        np.ndarray: Points, shape (3, n, 2).
    """
    rows = features.flatten(0, 1).numpy()
    points = TSNE(
        metric='cosine',
        init='pca',
        perplexity=min(30, (len(rows) - 1) / 3),
        random_state=seed).fit_transform(rows)
    return points.reshape(3, -1, 2)


def draw(overlap: Overlap, results: Dict[str, dict], classes: Sequence[str],
         palette: Sequence) -> Figure:
    """Draws the crops, and below them one row of three panels per network.

    Args:
        overlap (Overlap): The crops.
        results (dict[str, dict]): Results by label of the network: ``points``
            of shape (3, n, 2), their true ``labels``, and the distances.
        classes (Sequence[str]): Names of the classes.
        palette (Sequence): [red, green, blue] of each class.

    Returns:
        Figure: Figure in the layout of the paper.
    """
    figure = Figure((8, 2.4 * (1 + len(results)) + 0.6), layout='constrained')
    rows = figure.subplots(1 + len(results), 3)
    for axes, crop, box, title in zip(rows[0], overlap.crops, overlap.boxes,
                                      TITLES):
        top, left, bottom, right = box
        axes.imshow(crop[..., ::-1])
        axes.add_patch(
            Rectangle((left - 0.5, top - 0.5), right - left, bottom - top,
                      fill=False, edgecolor='yellow', linewidth=3,
                      clip_on=False))
        axes.set_title(title)
    handles = {}
    for row, (name, result) in zip(rows[1:], results.items()):
        labels = np.array(result['labels'])
        row[0].set_ylabel(name, fontsize='large')
        for axes, points in zip(row, result['points']):
            if axes is not row[0]:
                axes.scatter(*np.array(result['points'][0]).T, s=9,
                             color='0.85')
            for label in np.unique(labels[labels != UNKNOWN_IN_FILES]):
                handles[classes[label]] = axes.scatter(
                    *np.array(points)[labels == label].T, s=9,
                    color=np.array(palette[label]) / 255)
        for axes, kind in zip(row[1:], ('surroundings', 'colors')):
            distance = result[f'relative_other_{kind}']
            axes.set_xlabel(f'distance from I: {distance:.2f}')
    for axes in rows.flat:
        axes.set(xticks=[], yticks=[])
    handles['crop I'] = Line2D([], [], marker='o', ls='', color='0.85')
    figure.legend(handles.values(), handles, loc='outside lower center',
                  ncols=6, markerscale=1.5, fontsize=8)
    return figure


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument(
        '--images', type=int, default=100,
        help='of which crops are cut, evenly spaced (default: 100)')
    parser.add_argument(
        '--pictured', type=int,
        help='which of these crops is drawn (default: that whose overlap has '
        'the most classes)')
    parser.add_argument(
        '--points', type=int, default=400,
        help='at most so many positions in a t-SNE (default: 400)')
    parser.add_argument(
        '--seed', type=int, default=0,
        help='of crops, colors and t-SNE (default: 0)')
    return parser.parse_args(argv)


def main(argv: Optional[Sequence[str]] = None) -> None:
    args = parse_args(argv)
    work_dirs = read(args)
    with_pairs = [w for w in work_dirs if w.pair_pipeline()]
    if not with_pairs:
        raise SystemExit('No pipeline of these work dirs has PairedRandomCrop,'
                         ' which cuts the crops. Give one of DCC, too.')
    set_random_seed(args.seed)
    overlaps = draw_overlaps(with_pairs[0], args.images)
    pictured = args.pictured
    if pictured is None:
        pictured = int(np.argmax([len(np.unique(overlap.labels(1)))
                                  for overlap in overlaps]))
    results = {}
    for work_dir in work_dirs:
        model = work_dir.model()
        distances = Distances()
        for overlap in overlaps:
            distances.add(features_of(model, overlap)[0])
        features, labels = features_of(model, overlaps[pictured])
        few = np.random.default_rng(args.seed).permutation(
            len(labels))[:args.points]
        results[work_dir.label] = dict(
            **distances.means(),
            labels=labels[few].tolist(),
            points=embed(features[:, few], args.seed).tolist())
    meta = with_pairs[0].test_set().metainfo
    save(draw(overlaps[pictured], results, meta['classes'], meta['palette']),
         args.out)
    args.out.with_suffix('.json').write_text(
        json.dumps(dict(pictured=pictured, networks=results)))
    for label, result in results.items():
        print(f'{label}: ' + ', '.join(
            f'{name} {value:.3f}' for name, value in result.items()
            if name not in ('labels', 'points')))


if __name__ == '__main__':
    main()
