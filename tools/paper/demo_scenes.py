"""Scenes for the demo data set: photographs with clip-art pasted in."""
import importlib.util
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np
from demo_drawings import CANVAS_SIZE, CLASS_TABLE, CLUTTER, draw_object

VOC_CLASSES = ('background', 'aeroplane', 'bicycle', 'bird', 'boat', 'bottle',
               'bus', 'car', 'cat', 'chair', 'cow', 'diningtable', 'dog',
               'horse', 'motorbike', 'person', 'pottedplant', 'sheep', 'sofa',
               'train', 'tvmonitor')
DEMO_CLASSES = ('background', *CLASS_TABLE)

TRAIN_SHARE = .6
PRIOR_PROBABILITY = .92
OBJECT_SIDE = (.42, .80)
# How likely so many are pasted; fewer stay where the scene is crowded.
OBJECT_COUNTS = {2: .15, 3: .3, 4: .3, 5: .25}
CLUTTER_COUNTS = {0: .35, 1: .4, 2: .25}
MAX_ROTATION = 25
PLACING_TRIES = 12


class Split(NamedTuple):
    """Source of the images of a split.

    Attributes:
        stream (int): Number of its random stream.
        photo_part (str): 'train' or 'val' part of the photographs.
        list_name (str): Name of its list in ``ImageSets/Segmentation``.
    """
    stream: int
    photo_part: str
    list_name: str


SPLITS = {
    'labeled': Split(0, 'train', 'train_labeled'),
    'unlabeled': Split(1, 'train', 'train_unlabeled'),
    'val': Split(2, 'val', 'val'),
}


class Tint(NamedTuple):
    """RGB colours that black and white become in a grey photograph."""
    black: Tuple[int, int, int]
    white: Tuple[int, int, int]


# place -> photographs (package, path inside it, tint)
PLACES = {
    'meadow': (('skimage', 'data/grass.png',
                Tint((10, 40, 5), (170, 225, 110))),
               ('skimage', 'data/grass.png',
                Tint((40, 40, 5), (230, 215, 120)))),
    'gravel': (('skimage', 'data/gravel.png', None),
               ('skimage', 'data/gravel.png',
                Tint((40, 25, 10), (235, 205, 170)))),
    'wall': (('skimage', 'data/brick.png', Tint((60, 15, 5),
                                                (240, 140, 105))),
             ('skimage', 'data/brick.png', Tint((30, 30, 40),
                                                (215, 215, 230)))),
    'space': (('skimage', 'data/hubble_deep_field.jpg', None), ),
    'garden': (('sklearn', 'datasets/images/flower.jpg', None), ),
    'room': (('skimage', 'data/coffee.png', None),
             ('skimage', 'data/motorcycle_left.png', None)),
    'city': (('sklearn', 'datasets/images/china.jpg', None), ),
}
OBJECT_TEXTURES = tuple(
    ('skimage', f'data/{name}.png', None)
    for name in ('chelsea', 'ihc', 'coins', 'moon', 'text', 'astronaut',
                 'grass', 'gravel', 'brick'))
FAVOURITES = {
    place: tuple(name for name, demo_class in CLASS_TABLE.items()
                 if place in demo_class.places)
    for place in PLACES
}
PIP_PACKAGES = {'skimage': 'scikit-image', 'sklearn': 'scikit-learn'}


class Photos(NamedTuple):
    """One part ('train' or 'val') of all photographs.

    Attributes:
        places (dict[str, list[np.ndarray]]): Backgrounds of each place,
            shape (H, W, 3), dtype uint8, RGB.
        textures (list[np.ndarray]): Relief for objects, shape (H, W),
            dtype float32, grey, 0 to 255.
    """
    places: Dict[str, List[np.ndarray]]
    textures: List[np.ndarray]


class Sample(NamedTuple):
    """One generated image.

    Attributes:
        image (np.ndarray): Shape (S, S, 3), dtype uint8, RGB.
        mask (np.ndarray): Shape (S, S), dtype uint8, VOC class ids.
        places (tuple[str, str]): The two places of the scene.
        objects (tuple[str]): Classes of the pasted objects, from back to
            front, without clutter.
    """
    image: np.ndarray
    mask: np.ndarray
    places: Tuple[str, str]
    objects: Tuple[str, ...]


def find_photo(package: str, path: str) -> Path:
    """Find a sample photograph inside an installed package."""
    pip_name = PIP_PACKAGES[package]
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            f'The demo data set needs {path!r} of the package {pip_name}, '
            f'which is not installed. Run: pip install {pip_name}')
    photo = Path(spec.origin).parent / path
    if not photo.is_file():
        raise FileNotFoundError(
            f'The photograph {photo} is missing, although {pip_name} is '
            'installed. Reinstall it from its wheel: pip install '
            f'--upgrade --force-reinstall --no-deps {pip_name}')
    return photo


def read_photo(package: str, path: str, tint: Optional[Tint]) -> np.ndarray:
    """Read a photograph as RGB uint8, tinted if asked for."""
    file = find_photo(package, path)
    photo = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if photo is None:
        raise OSError(f'The photograph {file} cannot be decoded. Reinstall: '
                      f'pip install --force-reinstall {PIP_PACKAGES[package]}')
    photo = cv2.cvtColor(photo, cv2.COLOR_BGR2RGB)
    if tint is None:
        return photo
    black, white = np.array(tint, np.float32)
    grey = photo[..., :1].astype(np.float32) / 255
    return (black * (1 - grey) + white * grey).astype(np.uint8)


def photo_part(photo: np.ndarray, part: str) -> np.ndarray:
    """Cut the left 60 % ('train') or the right 40 % ('val') of a photo."""
    border = int(TRAIN_SHARE * photo.shape[1])
    return photo[:, :border] if part == 'train' else photo[:, border:]


def load_photos(part: str) -> Photos:
    """Load one part, 'train' or 'val', of all photographs."""
    return Photos(
        places={
            place: [photo_part(read_photo(*source), part)
                    for source in sources]
            for place, sources in PLACES.items()
        },
        textures=[
            photo_part(read_photo(*source), part).mean(2, dtype=np.float32)
            for source in OBJECT_TEXTURES
        ])


def random_crop(photo: np.ndarray, size: int, zoom: Tuple[float, float],
                rng: np.random.Generator) -> np.ndarray:
    """Crop a square, mirrored at random, and resize it.

    Args:
        photo (np.ndarray): Shape (H, W) or (H, W, 3).
        size (int): Side of the result in pixels.
        zoom (tuple[float, float]): Range of result pixels per photo pixel;
            exceeded where the photo is too small.
        rng (np.random.Generator): Source of randomness.

    Returns:
        np.ndarray: Shape (size, size) or (size, size, 3).
    """
    height, width = photo.shape[:2]
    side = min(int(size / rng.uniform(*zoom)), height, width)
    top = rng.integers(0, height - side + 1)
    left = rng.integers(0, width - side + 1)
    crop = photo[top:top + side, left:left + side]
    crop = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
    return cv2.flip(crop, 1) if rng.random() < .5 else crop


def make_scene(place_photos: Sequence[Sequence[np.ndarray]], size: int,
               rng: np.random.Generator) -> np.ndarray:
    """Join crops of two places along a wavy edge.

    Args:
        place_photos (sequence): Photographs of the first and second place.
        size (int): Side of the scene in pixels.
        rng (np.random.Generator): Source of randomness.

    Returns:
        np.ndarray: Shape (size, size, 3), dtype float32, RGB.
    """
    first, second = (
        random_crop(photos[rng.integers(len(photos))], size, (.25, .7),
                    rng).astype(np.float32) for photos in place_photos)
    # In ninety-sixths of the side, so that every size shows the same waves.
    y, x = np.mgrid[:size, :size].astype(np.float32) * (96 / size)
    slope = rng.uniform(-.5, .5) + (np.pi / 2 if rng.random() < .3 else 0)
    distance = (y - 48) * np.cos(slope) + (x - 48) * np.sin(slope)
    distance += 4 * np.sin(x / rng.uniform(5, 14) + rng.uniform(0, 6))
    distance -= rng.uniform(-.2, .2) * 96
    weight = 1 / (1 + np.exp(np.clip(-distance / 1.2, -30, 30)))[..., None]
    return (first * (1 - weight) + second * weight).astype(np.float32)


def add_texture(drawing: np.ndarray, textures: Sequence[np.ndarray],
                rng: np.random.Generator) -> np.ndarray:
    """Give a drawing the light and shade of a photo, lit from one side."""
    crop = random_crop(textures[rng.integers(len(textures))], CANVAS_SIZE,
                       (.4, 1.2), rng)
    # A crop that is nearly black would turn the object into glare.
    relief = crop / max(40., float(crop.mean()))
    strength = rng.uniform(.1, .5)
    tilt_x, tilt_y = rng.uniform(-.25, .25, 2)
    ramp = np.linspace(-1, 1, CANVAS_SIZE, dtype=np.float32)
    light = 1 + tilt_x * ramp[None] + tilt_y * ramp[:, None]
    gain = (1 - strength + strength * relief) * light
    return np.clip(drawing * gain[..., None], 0, 255).astype(np.float32)


def paste_object(image: np.ndarray, mask: np.ndarray, class_name: str,
                 centre: Tuple[float, float], side: float, photos: Photos,
                 rng: np.random.Generator) -> None:
    """Draw an object into ``image`` and ``mask``, both changed in place.

    Args:
        image (np.ndarray): Shape (S, S, 3), dtype float32, RGB.
        mask (np.ndarray): Shape (S, S), dtype uint8, VOC class ids.
        class_name (str): One of ``DEMO_CLASSES``; 'background' is clutter.
        centre (tuple[float, float]): x and y in pixels.
        side (float): Side in pixels of the square that bounds the drawing.
        photos (Photos): Source of the texture.
        rng (np.random.Generator): Source of randomness.
    """
    is_clutter = class_name == 'background'
    canvas = draw_object(CLUTTER if is_clutter else CLASS_TABLE[class_name],
                         PRIOR_PROBABILITY, rng)
    colour = add_texture(canvas.image, photos.textures, rng)
    cover = canvas.mask.astype(np.float32)
    if rng.random() < .5:
        colour, cover = cv2.flip(colour, 1), cv2.flip(cover, 1)

    size = image.shape[0]
    scale = side / CANVAS_SIZE
    angle = rng.uniform(0, 360) if is_clutter else rng.uniform(
        -MAX_ROTATION, MAX_ROTATION)
    middle = CANVAS_SIZE / 2
    warp = cv2.getRotationMatrix2D((middle, middle), angle, scale)
    warp[:, 0] *= rng.uniform(.8, 1.2)
    warp[:, 2] += centre - warp @ (middle, middle, 1)
    # Shrinking without a blur would leave jagged outlines.
    blur = max(.6, .45 / scale)
    colour, cover = (
        cv2.warpAffine(cv2.GaussianBlur(x, (0, 0), blur), warp, (size, size))
        for x in (colour, cover))

    reach = max(1, round(size / 48))
    shadow = cv2.GaussianBlur(
        np.roll(cover, (reach, reach), (0, 1)), (0, 0), size / 48)
    image *= 1 - .35 * shadow[..., None]
    # The blurred colour fades to black at the rim already, so weighting it
    # once more gives objects a thin dark contour, as clip-art has.
    image += cover[..., None] * (colour - image)
    mask[cover > .5] = VOC_CLASSES.index(class_name)


def pick_classes(places: Sequence[str], bias: float,
                 rng: np.random.Generator) -> List[str]:
    """Choose the classes to paste, clutter (as 'background') first."""
    clutter, count = (rng.choice(list(chances), p=list(chances.values()))
                      for chances in (CLUTTER_COUNTS, OBJECT_COUNTS))
    favourites = [name for place in places for name in FAVOURITES[place]]
    anything = DEMO_CLASSES[1:]
    chosen = ['background'] * int(clutter)
    for _ in range(count):
        names = favourites if rng.random() < bias else anything
        chosen.append(names[rng.integers(len(names))])
    return chosen


def make_sample(photos: Photos, split: str, index: int, *, seed: int = 0,
                bias: float = 0., size: int = 96) -> Sample:
    """Generate one image and its mask.

    Args:
        photos (Photos): Photographs of the part that the split uses.
        split (str): 'labeled', 'unlabeled' or 'val'.
        index (int): Number of the image within its split. Every image has
            its own random generator, so it does not depend on the others.
        seed (int): Seed of the data set. Defaults to 0.
        bias (float): Probability that the class of an object is one of the
            favourites of the scene's places. Defaults to 0, any class.
        size (int): Side S in pixels. Defaults to 96, small enough to train
            on a CPU.

    Returns:
        Sample: Image, mask and what was drawn.
    """
    rng = np.random.default_rng((seed, SPLITS[split].stream, index))
    names = list(PLACES)
    # Three scenes in ten may draw the same place twice: one-place scenes
    # must occur, but rarely.
    places = tuple(names[number] for number in rng.choice(
        len(names), 2, replace=rng.random() < .3))
    image = make_scene([photos.places[place] for place in places], size, rng)
    mask = np.zeros((size, size), np.uint8)
    placed, objects = [], []
    for name in pick_classes(places, bias, rng):
        side = size * rng.uniform(*OBJECT_SIDE)
        for _ in range(PLACING_TRIES):
            centre = rng.uniform(.1 * size, .9 * size, 2)
            if all(np.hypot(*(centre - other)) > .36 * (side + other_side)
                   for other, other_side in placed):
                break
        else:
            continue  # too crowded: leave this object out
        placed.append((centre, side))
        paste_object(image, mask, name, centre, side, photos, rng)
        if name != 'background':
            objects.append(name)
    image = image * rng.uniform(.75, 1.2) + rng.normal(0, 6, 3)
    image += rng.normal(0, 4, image.shape)
    return Sample(
        np.clip(image, 0, 255).astype(np.uint8), mask, places,
        tuple(objects))
