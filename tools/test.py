"""Tests a checkpoint: mmseg's options, on GPUs or on CPU processes.

mmseg's own tools/test.py accepts the same config and checkpoint. This tool
adds CPU processes and a message about missing data.

Example:
    python tools/test.py CONFIG work_dirs/NAME/epoch_80.pth
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse

from mmseg_dcc.apis.launch import build_runner, exit_without_data
from mmseg_dcc.engine.cpu_processes import run_on_cpu_if_needed
from mmseg_dcc.utils.command_line import (
    add_hook,
    add_launch_arguments,
    load_launched_config,
)
from mmseg_dcc.utils.configs import under_another_name
from mmseg_dcc.utils.input_error import InputError, exit_on_input_error


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_launch_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--out',
        help='folder for the predicted masks (PNG, class ids, coloured), '
        'with the names of the images relative to their folder')
    parser.add_argument(
        '--show-dir',
        help='folder for pictures of predictions and ground truth')
    parser.add_argument(
        '--tta', action='store_true', help='test-time augmentation')
    return parser.parse_args()


@exit_on_input_error
def main() -> None:
    args = parse_args()
    cfg = load_launched_config(args)
    exit_without_data(cfg, ('test_dataloader', ))
    cfg.load_from = args.checkpoint
    if args.out or args.show_dir:
        add_hook(
            cfg,
            dict(
                type='PredictionFilesHook',
                mask_dir=args.out,
                picture_dir=args.show_dir))
    if args.tta:
        missing = {'tta_model', 'tta_pipeline'} - {*cfg}
        if missing:
            raise InputError(
                f'--tta: {args.config} has no {", ".join(sorted(missing))}. '
                "Add tta_model=dict(type='SegTTAModel') and a tta_pipeline "
                'with TestTimeAug, or remove --tta.')
        cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
        cfg.tta_model.module = cfg.model
        cfg.model = cfg.tta_model
    run_on_cpu_if_needed(cfg)
    build_runner(under_another_name(cfg, 'test_')).test()


if __name__ == '__main__':
    main()
