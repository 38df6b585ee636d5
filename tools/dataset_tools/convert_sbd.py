"""Makes the augmented training set of PASCAL VOC from VOC 2012 and SBD.

Example::

    python tools/dataset_tools/convert_sbd.py \
        --data-root data/VOCdevkit/VOC2012 --sbd-root data/VOCdevkit/VOCaug

Below the data root it writes

* ``ImageSets/Segmentation/train_aug.txt``: the 10,582 images of
  (VOC2012 train + SBD train + SBD val) - VOC2012 val, in sorted order;
* ``SegmentationClassAug``: one palette PNG for each of them. If VOC has its
  own mask, it is copied unchanged: it is finer and marks the object borders as
  void (255), which SBD does not.

MMSegmentation's own ``voc_aug.py`` converts only the masks of SBD. It suits
configs that read VOC's training masks from ``SegmentationClass`` as a second
data set, but a split of the augmented set needs all masks in one folder.
Masks of VOC's val images stay in ``SegmentationClass`` only.
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
from pathlib import Path
from typing import Optional, Sequence

from mmseg_dcc.apis.convert_sbd import convert_sbd
from mmseg_dcc.utils.input_error import exit_on_input_error


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Make the augmented training set of PASCAL VOC from VOC '
        '2012 and SBD.')
    parser.add_argument(
        '--data-root',
        type=Path,
        default=Path('data/VOCdevkit/VOC2012'),
        help='folder VOC2012 of the devkit (default: %(default)s)')
    parser.add_argument(
        '--sbd-root',
        type=Path,
        default=Path('data/VOCdevkit/VOCaug'),
        help='folder that holds dataset/cls of SBD (default: %(default)s)')
    return parser.parse_args(argv)


@exit_on_input_error
def main(argv: Optional[Sequence[str]] = None) -> None:
    args = parse_args(argv)
    convert_sbd(args.data_root, args.sbd_root)


if __name__ == '__main__':
    main()
