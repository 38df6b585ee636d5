"""Tests a checkpoint: mmseg's options, on GPUs or on CPU processes.

mmseg's own tools/test.py takes the same config and checkpoint; this one adds
CPU processes and the message about missing data.

Example:
    python tools/test.py CONFIG work_dirs/NAME/epoch_80.pth
"""
import argparse
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from mmseg_dcc.apis.launch import exit_without_data
from mmseg_dcc.engine.cpu_processes import run_on_cpu_if_needed
from mmseg_dcc.utils.command_line import (
    add_launch_arguments,
    load_launched_config,
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_launch_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--out', help='folder for the predicted masks (PNG, class ids)')
    parser.add_argument(
        '--show-dir', help='folder for pictures of the predictions')
    parser.add_argument(
        '--tta', action='store_true', help='test-time augmentation')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = load_launched_config(args)
    exit_without_data(cfg, ('test_dataloader', ))
    cfg.load_from = args.checkpoint
    if args.out:
        cfg.test_evaluator.update(output_dir=args.out, keep_results=True)
    if args.show_dir:
        # every image, not every 50th as while training
        cfg.default_hooks.visualization.update(draw=True, interval=1)
        cfg.visualizer.save_dir = args.show_dir
    if args.tta:
        cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
        cfg.tta_model.module = cfg.model
        cfg.model = cfg.tta_model
    run_on_cpu_if_needed(cfg)
    # The runner writes the config into the work dir: not over that of the
    # training, with which --resume goes on.
    name = Path(cfg.filename)
    cfg = Config(cfg.to_dict(), filename=str(
        name.with_name(f'test_{name.name}')))
    Runner.from_cfg(cfg).test()


if __name__ == '__main__':
    main()
