"""Detection of masks that labelling tools have put among photos."""
import os.path as osp
import re
from collections import defaultdict
from typing import Dict, List, NamedTuple, Optional

import numpy as np
from PIL import Image

# suffixes of masks and of pictures of masks; JPEG would change the ids
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
    """Path of a file, split into the shared name and the rest.

    Args:
        name (str): Path relative to the common folder.
        folders (tuple[str]): Folders on the path.
        affix (str): Rest of the file name beside the shared part.
    """
    name: str
    folders: tuple
    affix: str


def masks_among(folder: str, names: List[str]) -> Dict[str, str]:
    """Masks below a folder of photos, and pictures of these masks.

    A mask is a lossless image with few ids or colors, which lies beside a
    photo of its name and size: ``a_mask.png`` beside ``a.jpg``, ``label.png``
    beside ``img.png``, ``masks/a.png`` beside ``images/a.jpg``. Files of one
    kind are either all masks or none. A few of each kind are opened, and none
    if no names match.

    Args:
        folder (str): The folder.
        names (list[str]): Images, relative to the folder.

    Returns:
        dict[str, str]: Photo of each mask and of each picture of a mask.
    """
    kinds, drawings = defaultdict(list), []
    for place, partners in _with_partners(names):
        if not _has_word(_IS_DRAWING, place, *partners[:1]):
            for photo in partners:
                if (place.name.lower().endswith(_LOSSLESS)
                        and not _has_word(_IS_DRAWING, photo, place)):
                    kinds[_kind(place, photo)].append((place, photo))
        # ids that cannot be learned, such as those of instances, count, too
        if _has_word(_IS_DRAWING, place, *partners[:1]) or _has_word(
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
    """Whether all pairs that can be read consist of a mask and its photo."""
    some = False
    for mask, photo in pairs[::max(len(pairs) // _MOST_LOOKED_AT, 1)]:
        verdict = is_mask_of(
            osp.join(folder, mask.name), osp.join(folder, photo.name),
            _has_word(_IS_MASK, mask, photo))
        if verdict is False:
            return False
        some = some or bool(verdict)
    return some


def is_mask_of(mask: str, photo: str, named: bool = False) -> Optional[bool]:
    """Whether an image looks like the mask of a photo.

    Args:
        mask (str): File of the image.
        photo (str): File of the photo.
        named (bool): Whether its name is that of a mask. Otherwise it must
            have one channel and the photo three. Defaults to False.

    Returns:
        bool | None: None if one of the files cannot be read.
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
    # decoders raise anything on a broken file
    except Exception:
        return None


def _colors(picture: Image.Image) -> int:
    """Number of different values or colors."""
    if picture.mode in ('CMYK', 'YCbCr', 'LAB', 'HSV', 'LA', 'PA'):
        picture = picture.convert('RGB')
    pixels = np.asarray(picture)
    if pixels.ndim == 3:
        pixels = pixels.astype(np.uint32) @ (
            256**np.arange(pixels.shape[2], dtype=np.uint32))
    return len(np.unique(pixels))


def _with_partners(names: List[str]):
    """Files with others of the same name, in their folder or a sibling.

    Yields:
        tuple[Place, list[Place]]: A file and some of the other files.
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
            # img.png of one folder does not belong to that of its sibling
            if key:
                groups += [near[form] for form in _forms(place.folders)]
            partners = _other_places(place, *groups)
            if partners:
                yield place, partners


def _other_places(place: Place, *groups: List[Place]) -> List[Place]:
    found = dict.fromkeys(other for group in groups
                          for other in group[:_MOST_PARTNERS + 1])
    return [other for other in found if other != place][:_MOST_PARTNERS]


def _forms(folders: tuple) -> List[tuple]:
    """Folders of a path, and patterns for paths with one other folder."""
    others = [
        (*folders[:i], *middle, *folders[i + 1:])
        for i in range(len(folders)) for middle in (('*', ), ())
    ]
    return [folders, *others]


def _key(stem: str) -> str:
    """Part of the name that a photo and its masks share."""
    while True:
        shorter = _AT_BEGIN.sub('', _AT_END.sub('', stem), 1)
        if shorter == stem:
            return stem
        stem = shorter


def _own_words(place: Place, *others: Place) -> List[str]:
    """Words of a path that the others lack: folders and name affixes."""
    shared = set().union(*(other.folders for other in others))
    return [
        *(name for name in place.folders if name not in shared),
        *_BETWEEN_WORDS.split(place.affix), place.affix.strip(' _.-')
    ]


def _has_word(pattern, place: Place, *others: Place) -> bool:
    """Whether one of a file's own words matches a pattern."""
    return any(
        pattern.fullmatch(word) for word in _own_words(place, *others))


def _kind(mask: Place, photo: Place) -> tuple:
    """Key that all pairs of one labelling tool have in common."""
    return (*_own_words(mask, photo), '|', *_own_words(photo, mask),
            osp.splitext(mask.name)[1].lower())
