"""Fig. 1: which part of the image a feature depends on, by Grad-CAM.

The feature of interest is f of Fig. 4, the input of the classifier, at one
pixel (the cross). The map shows which positions of the backbone's deepest
output contribute to it. Needs the packages grad-cam and torchvision.

Example:
    python tools/paper/figures/grad_cam.py work_dirs/supervised work_dirs/dcc \
        --out work_dirs/figures/grad_cam.png --classes person car

By default the pixel belongs to the second most frequent class of an image, or
to the most frequent one of ``--classes``, and lies as far inside as possible.
The number below a map is its share on pixels of that class (outlined); the
number above a column is the mean share over all ``--images``. All shares are
in the .json beside the picture, the drawn maps in the .npz.

The paper leaves the target open. Here it is the product of the feature with
its own (constant) value, which raises the feature in its own direction.
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
import json
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

# Imports mmseg_dcc, which must come before mmseg.
from work_dir import (  # isort: skip
    add_arguments, as_input, evenly_spaced, read, read_image, save,
    test_sets, truth_of)
import cv2
import numpy as np
from matplotlib.figure import Figure
from mmengine.utils import track_iter_progress
from torch import Tensor, nn

from mmseg_dcc.models.head_features import encoder_features, pixel_heads
from mmseg_dcc.models.semi_batch import UNKNOWN_IN_FILES


class Interest(NamedTuple):
    """Pixel of interest.

    Args:
        index (int): Index of its image.
        row (int): Row of the pixel.
        column (int): Column of the pixel.
        own (np.ndarray): Which pixels are of its class, boolean, (h, w).
    """
    index: int
    row: int
    column: int
    own: np.ndarray


def innermost_pixel(region: np.ndarray) -> Tuple[int, int]:
    """Row and column of the pixel farthest from the border of a region."""
    depth = cv2.distanceTransform(
        np.pad(region, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    return int(row), int(column)


def class_of_interest(mask: np.ndarray,
                      wanted: Sequence[int]) -> Optional[int]:
    """Class whose pixel is examined.

    Args:
        mask (np.ndarray): Labels, shape (h, w).
        wanted (Sequence[int]): Classes of which the most frequent is taken.
            If empty, the second most frequent of all classes, since the most
            frequent one is usually the background.

    Returns:
        int: A label; None if there is no such class.
    """
    labels, counts = np.unique(
        mask[mask != UNKNOWN_IN_FILES], return_counts=True)
    frequent = labels[np.argsort(-counts, kind='stable')]
    candidates = ([label for label in frequent
                   if label in wanted] if wanted else frequent[1:])
    return int(candidates[0]) if len(candidates) else None


class Encoder(nn.Module):
    """Part of a segmentor before its classifier.

    Args:
        model (EncoderDecoder): The segmentor. The deepest map that its head
            reads passes through ``deepest``, a module of its own, since
            grad-cam hooks modules that return one map.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.decode_head = model.decode_head
        self.deepest = nn.Identity()

    def extract_feat(self, images: Tensor) -> Union[Tensor, list]:
        """Maps of the backbone, through the neck if there is one."""
        maps = self.model.extract_feat(images)
        if isinstance(maps, Tensor):  # PIDNet and DDRNet, when they predict
            return self.deepest(maps)
        maps = [*maps]
        read_by_head = pixel_heads(self.decode_head)[-1].in_index
        index = np.ravel(read_by_head)[-1]
        maps[index] = self.deepest(maps[index])
        return maps

    def forward(self, images: Tensor) -> Tensor:
        return encoder_features(self, images)


class FeatureAt:
    """Grad-CAM target: the feature at a position, see the module docstring.

    Args:
        row (float): In [0, 1], from the top of the image to its bottom.
        column (float): In [0, 1], from left to right.
    """

    def __init__(self, row: float, column: float) -> None:
        self.row, self.column = row, column

    def __call__(self, features: Tensor) -> Tensor:
        """Target value for a map of shape (c, h, w)."""
        height, width = features.shape[1:]
        feature = features[:, int(self.row * height),
                           int(self.column * width)]
        return feature @ feature.detach()


def contribution_map(cam, image: Tensor, interest: Interest) -> np.ndarray:
    """Contributions of all image positions to the feature of interest.

    Args:
        cam (BaseCAM): Grad-CAM of the package grad-cam, on an
            :class:`Encoder`.
        image (Tensor): Input of the model, shape (1, 3, h, w).
        interest (Interest): The pixel, in the original image.

    Returns:
        np.ndarray: Values in [0, 1], of the size of the original image.
    """
    height, width = interest.own.shape
    target = FeatureAt((interest.row + 0.5) / height,
                       (interest.column + 0.5) / width)
    return cv2.resize(cam(image, [target])[0], (width, height))


def share_on(pixels: np.ndarray, contributions: np.ndarray) -> float:
    """Share of a map on some pixels, in [0, 1]."""
    return float(contributions[pixels].sum() /
                 max(contributions.sum(), np.finfo(np.float32).tiny))


def find_interests(dataset, paths: Sequence[str],
                   args: argparse.Namespace) -> List[Interest]:
    """Pixels that the options select."""
    if args.pixel:
        name, column, row = args.pixel
        stems = [Path(path).stem for path in paths]
        if name not in stems:
            raise SystemExit(f'--pixel: {name!r} is not in the test set; one '
                             f'of its images is {stems[0]!r}.')
        index = stems.index(name)
        mask = truth_of(dataset[index])
        row, column = int(row), int(column)
        if not (0 <= row < mask.shape[0] and 0 <= column < mask.shape[1]):
            raise SystemExit(
                f'--pixel: {column} {row} is outside of {name}, which is '
                f'{mask.shape[1]} x {mask.shape[0]}.')
        return [Interest(index, row, column, mask == mask[row, column])]
    names = list(dataset.metainfo['classes'])
    unknown = set(args.classes).difference(names)
    if unknown:
        raise SystemExit(f'--classes: got {sorted(unknown)}, expected some '
                         f'of {names}.')
    wanted = [names.index(name) for name in args.classes]
    interests = []
    for index in evenly_spaced(len(dataset), args.images):
        mask = truth_of(dataset[index])
        label = class_of_interest(mask, wanted)
        if label is not None:
            own = mask == label
            interests.append(Interest(index, *innermost_pixel(own), own))
    if not interests:
        raise SystemExit('None of the images has a class of interest. Name '
                         'others with --classes, or more --images.')
    return interests


def draw(images: Sequence[np.ndarray], interests: Sequence[Interest],
         maps: Dict[str, list], shares: Dict[str, list]) -> Figure:
    """Draws one row per image: the image with a cross, then the maps.

    Args:
        images (Sequence[np.ndarray]): RGB, shape (h, w, 3).
        interests (Sequence[Interest]): The pixel in each.
        maps (dict[str, list[np.ndarray]]): Maps of the images, by label of
            the network.
        shares (dict[str, list[float]]): Shares of the maps on the class of
            the pixel, by label; of these images and of further ones.

    Returns:
        Figure: The figure.
    """
    height, width = images[0].shape[:2]
    columns, cell = 1 + len(maps), 2.2
    figure = Figure((cell * columns,
                     (cell * height / width + 0.2) * len(images) + 0.5),
                    layout='constrained')
    rows = figure.subplots(len(images), columns, squeeze=False)
    for row, image, interest in zip(rows, images, interests):
        for axes in row:
            axes.imshow(image)
            axes.contour(interest.own, [0.5], colors='white',
                         linewidths=1)
            axes.set(xticks=[], yticks=[])
        row[0].plot(interest.column, interest.row, 'x', color='yellow',
                    markersize=10, markeredgewidth=3)
    rows[0, 0].set_title('image')
    for column, label in zip(rows.T[1:], maps):
        for axes, contributions, share in zip(column, maps[label],
                                              shares[label]):
            axes.imshow(contributions, cmap='jet', vmin=0, vmax=1, alpha=0.55)
            axes.set_xlabel(f'{share:.0%} on its class')
        column[0].set_title(f'{label}: mean {np.mean(shares[label]):.0%}')
    return figure


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument(
        '--classes', nargs='+', default=[], help='names of those of interest')
    parser.add_argument(
        '--pixel', nargs=3, metavar=('IMAGE', 'X', 'Y'),
        help='this one of the image with this name (without suffix) instead')
    parser.add_argument(
        '--images', type=int, default=50,
        help='of which shares are taken, evenly spaced (default: 50)')
    parser.add_argument(
        '--rows', type=int, default=4,
        help='images that are drawn, evenly spaced among these (default: 4)')
    parser.add_argument(
        '--method', choices=('GradCAM', 'HiResCAM'), default='GradCAM',
        help='of the package grad-cam. HiResCAM does not average gradients '
        'over places (default: GradCAM)')
    return parser.parse_args(argv)


def main(argv: Optional[Sequence[str]] = None) -> None:
    args = parse_args(argv)
    try:
        import pytorch_grad_cam
    except ModuleNotFoundError as error:
        raise SystemExit(f'{error}. Grad-CAM needs two more packages: pip '
                         'install grad-cam torchvision') from None
    work_dirs = read(args)
    datasets, paths = test_sets(work_dirs)
    interests = find_interests(datasets[0], paths, args)
    drawn = evenly_spaced(len(interests), args.rows)
    # those that are drawn first
    order = drawn + [i for i in range(len(interests)) if i not in drawn]
    interests = [interests[i] for i in order]
    maps, shares = {}, {}
    for work_dir, dataset in zip(work_dirs, datasets):
        model = work_dir.model()
        encoder = Encoder(model)
        found = maps[work_dir.label] = []
        with getattr(pytorch_grad_cam, args.method)(encoder,
                                                    [encoder.deepest]) as cam:
            for interest in track_iter_progress(interests):
                image = as_input(model, dataset[interest.index]['inputs'])
                found.append(contribution_map(cam, image, interest))
        shares[work_dir.label] = [
            share_on(interest.own, contributions)
            for interest, contributions in zip(interests, found)
        ]
        del found[len(drawn):]
    paths = [paths[interest.index] for interest in interests]
    images = [read_image(path) for path in paths[:len(drawn)]]
    area = [float(interest.own.mean()) for interest in interests]
    save(draw(images, interests, maps, shares), args.out)
    args.out.with_suffix('.json').write_text(
        json.dumps(
            dict(
                method=args.method,
                images=paths,
                pixels=[(i.column, i.row) for i in interests],
                area=area,
                share_on_class=shares),
            indent=1))
    np.savez_compressed(
        args.out.with_suffix('.npz'), **{
            f'{path}/{label}': contributions
            for label, found in maps.items()
            for path, contributions in zip(paths, found)
        })
    print(f'On the class of the pixel, mean over {len(interests)} images: ' +
          ', '.join(f'{label} {np.mean(share):.1%}'
                    for label, share in dict(area=area, **shares).items()))


if __name__ == '__main__':
    main()
