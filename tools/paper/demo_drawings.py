"""Clip-art drawings for the demo data set: one function per class.

Every function draws on a :class:`Canvas` of 128 x 128 pixels, origin at the
top left, with three class colours and random proportions. Parts drawn with
``paint_only=True`` colour the object without changing its outline.
"""
from typing import Callable, Dict, NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np

CANVAS_SIZE = 128
Colour = Tuple[int, int, int]
Point = Tuple[float, float]


class ColourPrior(NamedTuple):
    """Usual colour of one part of a class, in OpenCV's HSV ranges.

    Attributes:
        hue (int): Mean hue, 0 to 179; spread by a deviation of 9.
        saturation (tuple[int, int]): Range, low included, high excluded.
        value (tuple[int, int]): Range, low included, high excluded.
    """
    hue: int
    saturation: Tuple[int, int]
    value: Tuple[int, int]


class Palette(NamedTuple):
    """Colours of one drawn object, RGB, 0 to 255."""
    main: Colour
    second: Colour
    accent: Colour
    dark: Colour


class Canvas:
    """RGB drawing with the mask of the drawn object.

    Attributes:
        image (np.ndarray): Shape (128, 128, 3), dtype uint8, RGB.
        mask (np.ndarray): Shape (128, 128), dtype uint8, 1 on the object.
    """

    def __init__(self) -> None:
        self.image = np.zeros((CANVAS_SIZE, CANVAS_SIZE, 3), np.uint8)
        self.mask = np.zeros((CANVAS_SIZE, CANVAS_SIZE), np.uint8)

    def _layers(self, colour: Colour, paint_only: bool):
        yield self.image, colour
        if not paint_only:
            yield self.mask, 1

    def polygon(self, points: Sequence[Point], colour: Colour,
                paint_only: bool = False) -> None:
        """Fill the polygon with corners ``points`` (x, y)."""
        corners = np.array(points).round().astype(np.int32)
        for layer, value in self._layers(colour, paint_only):
            cv2.fillPoly(layer, [corners], value)

    def box(self, left: float, top: float, right: float, bottom: float,
            colour: Colour, paint_only: bool = False) -> None:
        """Fill an upright rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom),
                      (left, bottom)], colour, paint_only)

    def ellipse(self, centre: Point, radii: Point, colour: Colour,
                angle: float = 0, arc: Point = (0, 360), thickness: int = -1,
                paint_only: bool = False) -> None:
        """Draw an ellipse, filled unless ``thickness`` is positive."""
        centre = tuple(int(round(x)) for x in centre)
        radii = tuple(int(round(x)) for x in radii)
        for layer, value in self._layers(colour, paint_only):
            cv2.ellipse(layer, centre, radii, angle, *arc, value, thickness)

    def line(self, start: Point, end: Point, thickness: int,
             colour: Colour) -> None:
        """Draw a straight stroke."""
        start = tuple(int(round(x)) for x in start)
        end = tuple(int(round(x)) for x in end)
        for layer, value in self._layers(colour, False):
            cv2.line(layer, start, end, value, thickness)


def pick_colour(prior: Optional[ColourPrior], prior_probability: float,
                rng: np.random.Generator) -> Colour:
    """Draw a colour from the class prior, or sometimes any colour.

    Args:
        prior (ColourPrior | None): None always takes any colour.
        prior_probability (float): How often the prior is followed.
        rng (np.random.Generator): Source of randomness.

    Returns:
        tuple[int, int, int]: RGB, 0 to 255.
    """
    if prior is not None and rng.random() < prior_probability:
        hue = int(prior.hue + rng.normal(0, 9)) % 180
        saturation = rng.integers(*prior.saturation)
        value = rng.integers(*prior.value)
    else:
        hue = rng.integers(0, 180)
        saturation, value = rng.integers(50, 230), rng.integers(70, 250)
    pixel = np.array([[[hue, saturation, value]]], np.uint8)
    return tuple(int(x) for x in cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0])


def shade(colour: Colour, amount: float) -> Colour:
    """Lighten (or, below zero, darken) a colour by ``amount`` of 255."""
    return tuple(int(np.clip(x + amount, 0, 255)) for x in colour)


def draw_aeroplane(canvas, colours, rng):
    """Draw an aeroplane from above, nose to the right."""
    tip = rng.uniform(2, 16)
    sweep = rng.uniform(14, 34)
    girth = rng.uniform(11, 15)
    for side in (-1, 1):
        canvas.polygon([(86, 64), (78 - sweep, 64 + side * (64 - tip)),
                        (58 - sweep, 64 + side * (64 - tip)), (50, 64)],
                       colours.second)
        canvas.polygon([(32, 64), (14, 64 + side * 32), (2, 64 + side * 32),
                        (10, 64)], colours.accent)
        canvas.ellipse((68 - sweep / 3, 64 + side * 32), (11, 6),
                       colours.dark)
    canvas.ellipse((64, 64), (60, girth), colours.main)
    canvas.ellipse((110, 64), (6, girth - 6), colours.dark, paint_only=True)
    for x in range(34, 98, int(rng.integers(11, 16))):
        canvas.ellipse((x, 64), (3, 3), colours.accent, paint_only=True)


def draw_bird(canvas, colours, rng):
    """Draw a bird from the side, beak to the right, wing raised or hanging."""
    girth = rng.uniform(21, 28)
    lift = rng.uniform(-6, 6)
    for x in (56, 70):
        canvas.line((x, 72 + girth - 6), (x + 5, 122), 5, colours.dark)
    canvas.polygon([(40, 64), (4, 50 + lift), (2, 72 + lift), (10, 84 + lift),
                    (40, 84)], colours.second)
    canvas.ellipse((60, 72), (38, girth), colours.main, angle=-12)
    canvas.ellipse((92, 46), (20, 19), colours.main)
    canvas.polygon([(107, 38), (125, 49), (107, 57)], colours.accent)
    if rng.random() < .5:
        canvas.polygon([(78, 66), (38 + lift, 6), (20 + lift, 14),
                        (26, 46), (44, 76)], colours.second)
    else:
        canvas.polygon([(80, 62), (52, 58), (20, 84), (30, 104 + lift),
                        (58, 98)], colours.second)
    canvas.ellipse((97, 42), (5, 5), (245, 245, 245), paint_only=True)
    canvas.ellipse((98, 42), (3, 3), colours.dark, paint_only=True)


def draw_boat(canvas, colours, rng):
    """Draw a sailing boat with two sails and a striped hull."""
    deck = rng.uniform(82, 92)
    mast = rng.uniform(52, 66)
    top = rng.uniform(5, 14)
    canvas.line((mast, top), (mast, deck), 4, colours.dark)
    canvas.polygon([(mast + 2, top + 2), (mast + 2, deck),
                    (rng.uniform(106, 120), deck)], colours.second)
    canvas.polygon([(mast - 2, top + 12), (mast - 2, deck),
                    (rng.uniform(8, 20), deck)],
                   shade(colours.second, -25))
    hull = [(4, deck), (124, deck), (102, deck + 32), (28, deck + 32)]
    canvas.polygon(hull, colours.main)
    canvas.polygon([(11, deck + 6), (117, deck + 6), (112, deck + 14),
                    (17, deck + 14)], colours.accent, paint_only=True)


def draw_bottle(canvas, colours, rng):
    """Draw an upright bottle with shoulders, a label and a cap."""
    half = rng.uniform(24, 32)
    neck = rng.uniform(9, 12)
    shoulder = rng.uniform(48, 58)
    collar = shoulder - rng.uniform(14, 20)
    canvas.box(64 - half, shoulder, 64 + half, 116, colours.main)
    canvas.ellipse((64, 115), (half, 8), colours.main)
    canvas.polygon([(64 - half, shoulder), (64 - neck, collar),
                    (64 + neck, collar), (64 + half, shoulder)],
                   colours.main)
    canvas.box(64 - neck, 14, 64 + neck, collar, colours.main)
    canvas.box(64 - neck - 3, 4, 64 + neck + 3, 18, colours.accent)
    label = rng.uniform(62, 72)
    canvas.box(64 - half, label, 64 + half, label + 32, colours.second,
               paint_only=True)
    canvas.ellipse((64, label + 16), (10, 10), colours.accent,
                   paint_only=True)


def draw_car(canvas, colours, rng):
    """Draw a car from the side, with cabin, two windows and two wheels."""
    belt = rng.uniform(52, 62)
    rear, front = rng.uniform(30, 42), rng.uniform(82, 96)
    post = (rear + front) / 2
    canvas.polygon([(rear, belt - 22), (front, belt - 22),
                    (front + 14, belt + 2), (rear - 14, belt + 2)],
                   colours.main)
    canvas.box(6, belt, 122, belt + 28, colours.main)
    for corners in ([(rear + 3, belt - 17), (post - 3, belt - 17),
                     (post - 3, belt), (rear - 7, belt)],
                    [(post + 3, belt - 17), (front - 3, belt - 17),
                     (front + 7, belt), (post + 3, belt)]):
        canvas.polygon(corners, colours.second, paint_only=True)
    for x in (32, 96):
        canvas.ellipse((x, belt + 28), (14, 14), colours.dark)
        canvas.ellipse((x, belt + 28), (6, 6), colours.accent,
                       paint_only=True)


SKIN_TONES = ((235, 200, 170), (200, 150, 110), (140, 95, 65), (95, 65, 45))


def draw_person(canvas, colours, rng):
    """Draw a standing person, one arm higher than the other."""
    skin = SKIN_TONES[rng.integers(len(SKIN_TONES))]
    swing = rng.uniform(-16, 20)
    canvas.line((52, 76), (rng.uniform(38, 52), 118), 13, colours.second)
    canvas.line((72, 76), (rng.uniform(74, 88), 118), 13, colours.second)
    for shoulder, hand in (((48, 46), (28, 65 + swing)),
                           ((78, 46), (100, 65 - swing))):
        canvas.line(shoulder, hand, 11, colours.main)
        canvas.ellipse(hand, (6, 6), skin)
    canvas.polygon([(44, 38), (82, 38), (78, 84), (48, 84)], colours.main)
    canvas.ellipse((63, 22), (15, 17), skin)
    hair = colours.dark if rng.random() < .6 else colours.accent
    canvas.ellipse((63, 18), (16, 13), hair, arc=(180, 360))


def draw_pottedplant(canvas, colours, rng):
    """Draw a pot with a bush or with long leaves."""
    if rng.random() < .5:
        for _ in range(7):
            centre = (64 + rng.uniform(-24, 24), 46 + rng.uniform(-20, 20))
            canvas.ellipse(centre, rng.uniform(16, 24, 2),
                           shade(colours.main, rng.uniform(-20, 20)))
        canvas.box(60, 60, 68, 92, shade(colours.main, -30))
    else:
        for lean in np.linspace(-75, 75, rng.integers(6, 9)):
            angle = np.deg2rad(lean + rng.uniform(-6, 6) - 90)
            length = rng.uniform(25, 31)
            centre = (64 + length * np.cos(angle), 88 + length * np.sin(angle))
            canvas.ellipse(centre, (length, 10),
                           shade(colours.main, rng.uniform(-25, 25)),
                           angle=np.rad2deg(angle))
    foot = rng.uniform(18, 25)
    canvas.polygon([(34, 86), (94, 86), (64 + foot, 124), (64 - foot, 124)],
                   colours.second)
    canvas.box(29, 80, 99, 92, colours.accent)


def draw_clutter(canvas, colours, rng):
    """Draw a shape of no class: blob, box, polygon or ring."""
    kind = rng.integers(4)
    if kind == 0:
        canvas.ellipse((64, 64), (rng.uniform(30, 56), rng.uniform(20, 50)),
                       colours.main, angle=rng.uniform(0, 180))
        canvas.ellipse((64 + rng.uniform(-12, 12), 64),
                       rng.uniform(8, 18, 2), colours.second)
    elif kind == 1:
        canvas.box(*rng.uniform(8, 38, 2), *rng.uniform(90, 120, 2),
                   colours.main)
        canvas.box(*rng.uniform(40, 60, 2), *rng.uniform(65, 90, 2),
                   colours.second)
    elif kind == 2:
        angles = np.linspace(0, 2 * np.pi, rng.integers(4, 9))[:-1]
        radii = rng.uniform(30, 58, (len(angles), 2))
        canvas.polygon(64 + radii * np.stack(
            [np.cos(angles), np.sin(angles)], axis=1), colours.main)
    else:
        canvas.ellipse((64, 64), (40, 40), colours.main,
                       thickness=int(rng.integers(10, 24)))


class DemoClass(NamedTuple):
    """Drawing function, colours and places of a class.

    Attributes:
        draw (callable): ``draw(canvas, colours, rng)``.
        main, second, accent (ColourPrior | None): Usual colours of the
            three parts; None for any colour.
        places (tuple[str]): Places of which the class is a favourite.
    """
    draw: Callable[[Canvas, Palette, np.random.Generator], None]
    main: Optional[ColourPrior] = None
    second: Optional[ColourPrior] = None
    accent: Optional[ColourPrior] = None
    places: Tuple[str, ...] = ()


# In the order of PASCAL VOC's ids. Every place is the favourite of two
# classes and every class of two places, so a biased draw over all places
# stays balanced and only the scenes around the classes are biased.
CLASS_TABLE: Dict[str, DemoClass] = {
    'aeroplane': DemoClass(
        draw_aeroplane, ColourPrior(105, (90, 210), (120, 245)),
        ColourPrior(100, (60, 160), (60, 140)),
        ColourPrior(14, (120, 230), (150, 250)), ('space', 'garden')),
    'bird': DemoClass(
        draw_bird, ColourPrior(25, (140, 240), (170, 250)),
        ColourPrior(150, (100, 210), (130, 240)),
        ColourPrior(170, (100, 230), (120, 250)), ('meadow', 'garden')),
    'boat': DemoClass(
        draw_boat, ColourPrior(5, (120, 210), (90, 190)),
        ColourPrior(18, (50, 130), (150, 240)),
        ColourPrior(105, (60, 160), (70, 160)), ('wall', 'room')),
    'bottle': DemoClass(
        draw_bottle, ColourPrior(85, (60, 150), (130, 230)),
        ColourPrior(90, (5, 40), (190, 250)),
        ColourPrior(0, (120, 230), (120, 220)), ('space', 'room')),
    'car': DemoClass(
        draw_car, ColourPrior(0, (150, 235), (120, 245)),
        ColourPrior(100, (20, 90), (130, 225)),
        ColourPrior(90, (0, 60), (150, 240)), ('gravel', 'city')),
    'person': DemoClass(
        draw_person, ColourPrior(120, (100, 220), (90, 220)),
        ColourPrior(110, (60, 140), (50, 130)),
        ColourPrior(10, (60, 160), (40, 110)), ('gravel', 'wall')),
    'pottedplant': DemoClass(
        draw_pottedplant, ColourPrior(55, (110, 220), (70, 190)),
        ColourPrior(14, (90, 170), (60, 130)),
        ColourPrior(10, (100, 190), (100, 190)), ('meadow', 'city')),
}
CLUTTER = DemoClass(draw_clutter)


def draw_object(demo_class: DemoClass, prior_probability: float,
                rng: np.random.Generator) -> Canvas:
    """Draw one object of a class in freshly picked colours.

    Args:
        demo_class (DemoClass): A value of ``CLASS_TABLE``, or ``CLUTTER``.
        prior_probability (float): How often a part has its usual colour.
        rng (np.random.Generator): Source of randomness.

    Returns:
        Canvas: The drawing and its mask.
    """
    parts = (demo_class.main, demo_class.second, demo_class.accent)
    colours = [pick_colour(part, prior_probability, rng) for part in parts]
    dark = (int(rng.integers(10, 60)), ) * 3
    canvas = Canvas()
    demo_class.draw(canvas, Palette(*colours, dark), rng)
    return canvas
