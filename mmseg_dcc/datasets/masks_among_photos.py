"""Masks of labelling tools that lie among photos, told from these."""
import os.path as osp
import re
from collections import defaultdict
from typing import Dict, List, NamedTuple, Optional

import numpy as np
from PIL import Image

# Masks and drawings of masks; JPEG would change the ids.
_LOSSLESS = ('.png', '.bmp', '.tif', '.tiff', '.webp')
_MOST_IDS = 64
_MOST_LOOKED_AT = 12
_MOST_PARTNERS = 5
_ONE_CHANNEL = ('1', 'L', 'P', 'I', 'F')
_WORDS_OF_MASKS = (
    'masks?|labels?|label_?ids?|labeltrainids?|instance_?ids?|annotations?|'
    'annotated|anns?|segmentations?|segmented|seg|segmap|segmentation_?class|'
    'segmentation_?class_?png|segmentation_?object|gt|gtfine|gtcoarse|'
    'ground_?truth|targets?|colou?rs?|l|ids|objects?|class(es)?')
_WORDS_OF_DRAWINGS = (
    'viz|vis|visuali[sz]ations?|overlays?|segmentation_?class_?'
    'visuali[sz]ation|blend(ed)?|preview')
_WORDS_OF_PHOTOS = 'images?|imgs?|photos?|rgb|left_?img8bit|jpe?g_?images|raw'
_IS_MASK = re.compile(f'({_WORDS_OF_MASKS})', re.IGNORECASE)
_IS_DRAWING = re.compile(f'({_WORDS_OF_DRAWINGS})', re.IGNORECASE)
_BETWEEN_WORDS = re.compile('[ _.-]+')
_ANY = f'({_WORDS_OF_MASKS}|{_WORDS_OF_DRAWINGS}|{_WORDS_OF_PHOTOS})'
_AT_END = re.compile(f'(^|[ _.-]+){_ANY}$', re.IGNORECASE)
_AT_BEGIN = re.compile(f'^{_ANY}([ _.-]+|$)', re.IGNORECASE)


class Place(NamedTuple):
    """What a file's path says beside the name that it shares with others.

    Args:
        name (str): Path relative to the folder of all.
        folders (tuple[str]): Those on the way to it.
        affix (str): What its name has beside the shared part.
    """
    name: str
    folders: tuple
    affix: str


def masks_among(folder: str, names: List[str]) -> Dict[str, str]:
    """Masks below a folder of photos, and drawings of them.

    A mask is a picture without losses, of few ids or colors, beside a photo
    of its name and size: ``a_mask.png`` beside ``a.jpg``, ``label.png``
    beside ``img.png``, ``masks/a.png`` beside ``images/a.jpg``. Files of one
    kind are masks together or not at all; some of each kind are opened, and
    none where no names match.

    Args:
        folder (str): The folder.
        names (list[str]): Images, relative to the folder.

    Returns:
        dict[str, str]: The photo of each mask and each drawing.
    """
    kinds, drawings = defaultdict(list), []
    for place, partners in _with_partners(names):
        if not _says(_IS_DRAWING, place, *partners[:1]):
            for photo in partners:
                if (place.name.lower().endswith(_LOSSLESS)
                        and not _says(_IS_DRAWING, photo, place)):
                    kinds[_kind(place, photo)].append((place, photo))
        # of other ids than can be learned, such as those of instances
        if _says(_IS_DRAWING, place, *partners[:1]) or _says(
                _IS_MASK, place, *partners[:1]):
            drawings.append((place.name, [each.name for each in partners]))
    found: Dict[str, str] = {}
    for pairs in kinds.values():
        if _are_masks(folder, pairs):
            for mask, photo in pairs:
                found.setdefault(mask.name, photo.name)
    photos = set(found.values())
    for name, partners in drawings:
        photo = next((each for each in partners if each in photos), None)
        if photo and name not in photos:
            found.setdefault(name, photo)
    return found


def _are_masks(folder: str, pairs: list) -> bool:
    """Whether all of some pairs, as far as they can be read, are such."""
    some = False
    for mask, photo in pairs[::max(len(pairs) // _MOST_LOOKED_AT, 1)]:
        verdict = is_mask_of(
            osp.join(folder, mask.name), osp.join(folder, photo.name),
            _says(_IS_MASK, mask, photo))
        if verdict is False:
            return False
        some = some or bool(verdict)
    return some


def is_mask_of(mask: str, photo: str, named: bool = False) -> Optional[bool]:
    """Whether a picture holds ids of a photo's pixels, by what it shows.

    Args:
        mask (str): File of the picture.
        photo (str): File of the photo.
        named (bool): Whether its name says so. Otherwise only one channel
            beside a photo of three counts. Defaults to False.

    Returns:
        bool | None: None if one of them cannot be read.
    """
    try:
        with Image.open(mask) as ids, Image.open(photo) as image:
            if sorted(ids.size) != sorted(image.size):
                return False
            one_channel, gray = (
                picture.mode.split(';')[0] in _ONE_CHANNEL
                for picture in (ids, image))
            certain = one_channel and not gray
            if not certain and not named:
                return False
            count = _colors(ids)
            return count <= _MOST_IDS and (certain
                                           or 4 * count < _colors(image))
    # whatever a decoder raises on a broken file
    except Exception:
        return None


def _colors(picture: Image.Image) -> int:
    """Number of different values, or colors."""
    if picture.mode in ('CMYK', 'YCbCr', 'LAB', 'HSV', 'LA', 'PA'):
        picture = picture.convert('RGB')
    pixels = np.asarray(picture)
    if pixels.ndim == 3:
        pixels = pixels.astype(np.uint32) @ (
            256**np.arange(pixels.shape[2], dtype=np.uint32))
    return len(np.unique(pixels))


def _with_partners(names: List[str]):
    """Files with others of the same name, in their folder or one beside it.

    Yields:
        tuple[Place, list[Place]]: A file and some of the others.
    """
    names_by_key = defaultdict(list)
    for name in names:
        stem = osp.splitext(osp.basename(name))[0].lower()
        key = _key(stem)
        folders = tuple(filter(None, osp.dirname(name).split(osp.sep)))
        names_by_key[key].append(
            Place(name, folders, stem.replace(key, '', 1) if key else stem))
    for key, group in names_by_key.items():
        if len(group) < 2:
            continue
        here, near = defaultdict(list), defaultdict(list)
        for place in group:
            here[place.folders].append(place)
            for form in _forms(place.folders):
                near[form].append(place)
        for place in group:
            groups = [here[place.folders]]
            # img.png of one folder is not that of the one beside it
            if key:
                groups += [near[form] for form in _forms(place.folders)]
            partners = _some_but(place, *groups)
            if partners:
                yield place, partners


def _some_but(place: Place, *groups: List[Place]) -> List[Place]:
    found = dict.fromkeys(other for group in groups
                          for other in group[:_MOST_PARTNERS + 1])
    return [other for other in found if other != place][:_MOST_PARTNERS]


def _forms(folders: tuple) -> List[tuple]:
    """A way of folders, and what it shares with those one of it differs."""
    others = [
        (*folders[:i], *middle, *folders[i + 1:])
        for i in range(len(folders)) for middle in (('*', ), ())
    ]
    return [folders, *others]


def _key(stem: str) -> str:
    """What the names of a photo and its masks share."""
    while True:
        shorter = _AT_BEGIN.sub('', _AT_END.sub('', stem), 1)
        if shorter == stem:
            return stem
        stem = shorter


def _own_words(place: Place, *others: Place) -> List[str]:
    """Folders that others do not lie in, and words at the name's ends."""
    shared = set().union(*(other.folders for other in others))
    return [
        *(name for name in place.folders if name not in shared),
        *_BETWEEN_WORDS.split(place.affix), place.affix.strip(' _.-')
    ]


def _says(pattern, place: Place, *others: Place) -> bool:
    """Whether a file's own words have one of those."""
    return any(
        pattern.fullmatch(word) for word in _own_words(place, *others))


def _kind(mask: Place, photo: Place) -> tuple:
    """What the pairs of one tool have in common."""
    return (*_own_words(mask, photo), '|', *_own_words(photo, mask),
            osp.splitext(mask.name)[1].lower())
