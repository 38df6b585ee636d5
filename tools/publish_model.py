"""Writes weights and stock config that plain mmseg can load.

Everything that only training needs (terms, optimizer, logs) is dropped. The
two files load without mmseg_dcc.

Example:
    python tools/publish_model.py work_dirs/NAME/epoch_80.pth model.pth
    # model.pth and, beside it, model.py
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
from pathlib import Path

import torch

from mmseg_dcc.apis.publish import publish, write_published
from mmseg_dcc.compat import can_allow_classes, explained_refusal
from mmseg_dcc.utils.command_line import add_verbose_argument
from mmseg_dcc.utils.input_error import exit_on_input_error


@exit_on_input_error
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_verbose_argument(parser)
    parser.add_argument('checkpoint', help='checkpoint of a training')
    parser.add_argument(
        'out', type=Path, help='checkpoint file to write; its config is '
        'written beside it, with the suffix .py')
    args = parser.parse_args()
    if args.out.suffix == '.py':
        parser.error('out must be a checkpoint file such as model.pth')
    if not can_allow_classes():
        raise SystemExit(
            f'Publishing needs torch >= 2.6, got {torch.__version__}, which '
            'could read the checkpoint of a training only by running any code '
            'in it. Publish with a newer torch; the published files then load '
            'with this one, too.')
    with explained_refusal(args.checkpoint):
        checkpoint = torch.load(
            args.checkpoint, map_location='cpu', weights_only=True)
    published, _ = publish(checkpoint)
    write_published(published, args.out)
    kept, total = len(published['state_dict']), len(checkpoint['state_dict'])
    print(f'{args.out}: {kept} weights; {total - kept} weights that only '
          'training needs were dropped. Config: '
          f'{args.out.with_suffix(".py")}\n'
          'mmseg with the full mmcv loads both; with mmcv-lite, import '
          'mmseg_dcc before mmseg (docs/deploy.md).')


if __name__ == '__main__':
    main()
