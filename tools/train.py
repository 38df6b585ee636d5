"""Trains a segmentor: mmseg's options, on GPUs or on CPU processes.

Example:
    python tools/train.py configs/dcc/deeplabv3plus_r50_voc_1-8.py
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
import shlex
from contextlib import nullcontext

from mmseg_dcc.apis.launch import build_runner, exit_without_data
from mmseg_dcc.apis.resume import (
    checkpoint_to_resume,
    finished_message,
    set_up_resume,
)
from mmseg_dcc.engine.cpu_processes import run_on_cpu_if_needed
from mmseg_dcc.utils.command_line import (
    add_launch_arguments,
    load_launched_config,
)
from mmseg_dcc.utils.input_error import exit_on_input_error
from mmseg_dcc.utils.tool_command import tool_command
from mmseg_dcc.utils.work_dir_lock import lock_work_dir, process_rank


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_launch_arguments(parser)
    parser.add_argument(
        '--resume',
        action='store_true',
        help='resume from the latest checkpoint in the work dir')
    parser.add_argument(
        '--amp', action='store_true', help='train in mixed precision')
    parser.add_argument(
        '--check-data',
        action='store_true',
        help='only check that the data sets exist, then exit')
    return parser.parse_args()


@exit_on_input_error
def main() -> None:
    args = parse_args()
    cfg = load_launched_config(args)
    exit_without_data(cfg, ('train_dataloader', 'val_dataloader'))
    if args.check_data:
        return
    if args.amp:
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    rank = process_rank(args.launcher)
    with lock_work_dir(cfg.work_dir) if rank == 0 else nullcontext():
        if args.resume:
            found = checkpoint_to_resume(cfg.work_dir)
            test = shlex.join([*tool_command('test'), args.config])
            finished = finished_message(found, cfg, test)
            if finished:
                if rank == 0:
                    print(finished)
                return
            set_up_resume(cfg, found, args.cfg_options)
        run_on_cpu_if_needed(cfg)
        build_runner(cfg).train()


if __name__ == '__main__':
    main()
