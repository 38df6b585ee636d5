"""Self-training, step 2 of 3: a network predicts masks of unlabeled images.

1. Train the teacher on the labeled images only.
2. Predict masks of the other images; pixels with a low confidence are ignored.
3. Train the student on both.

The config is the student's. The last data set of its training that loads masks
defines the images and, as data_prefix.seg_map_path, the folder for the masks.

--tta averages the probabilities over the scales of the config's tta_pipeline
and over flips. Several checkpoints, from trainings with other seeds, are
averaged, too. Both give better masks for more passes through the network.
--logit-adjustment gives more pixels to small classes, which a network trained
on few masks hardly finds.

Example (Table 3, ST):
    python tools/train.py configs/supervised/pspnet_r50_voc_1-8.py
    python tools/make_pseudo_masks.py \
        configs/ablation/pspnet_r50_voc_1-8_self_training.py \
        work_dirs/pspnet_r50_voc_1-8/epoch_80.pth
    python tools/train.py configs/ablation/pspnet_r50_voc_1-8_self_training.py
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
from pathlib import Path

from mmengine.dist import barrier, is_main_process

from mmseg_dcc.apis.launch import build_runner, exit_without_data
from mmseg_dcc.apis.pseudo_masks import claim_folder, labeling_config
from mmseg_dcc.engine.cpu_processes import run_on_cpu_if_needed
from mmseg_dcc.utils.command_line import (
    add_launch_arguments,
    load_launched_config,
)
from mmseg_dcc.utils.input_error import exit_on_input_error


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_launch_arguments(parser)
    parser.add_argument(
        'checkpoints',
        nargs='+',
        help='checkpoint file of the teacher; the probabilities of several '
        'are averaged')
    parser.add_argument(
        '--confidence-threshold',
        type=float,
        default=0.5,
        help='pixels with a lower confidence are ignored (default: 0.5)')
    parser.add_argument(
        '--logit-adjustment',
        type=float,
        default=0.,
        metavar='POWER',
        help='divide the probability of a class by its share of the labeled '
        'pixels to this power, 0 to 1 (default: 0, no adjustment)')
    parser.add_argument(
        '--tta',
        action='store_true',
        help='average over the scales and flips of tta_pipeline')
    return parser.parse_args()


@exit_on_input_error
def main() -> None:
    args = parse_args()
    cfg = labeling_config(
        load_launched_config(args), args.checkpoints,
        args.confidence_threshold, args.tta, args.logit_adjustment)
    exit_without_data(cfg, ('test_dataloader', ))
    dataset = cfg.test_dataloader.dataset
    folder = Path(dataset.get('data_root') or '',
                  dataset.data_prefix.seg_map_path)
    run_on_cpu_if_needed(cfg)
    runner = build_runner(cfg)
    if is_main_process():
        claim_folder(
            folder,
            dict(
                checkpoints=args.checkpoints,
                confidence_threshold=args.confidence_threshold,
                logit_adjustment=args.logit_adjustment,
                tta=args.tta))
    barrier()
    runner.test()
    print(f'Masks: {folder}')


if __name__ == '__main__':
    main()
