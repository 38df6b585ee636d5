"""Writes the weights of a checkpoint alone, for plain mmseg.

Drops the optimizer, the logs, the projector and the memory bank. What is
left loads with any torch and into the stock config, without mmseg_dcc.

Example:
    python tools/publish_model.py work_dirs/NAME/epoch_80.pth model.pth
"""
import argparse

import torch

import mmseg_dcc  # noqa: F401  allows mmengine's checkpoints

TRAINING_ONLY = ('projector.', 'memory_bank.')


def published(checkpoint: dict) -> dict:
    """Keeps the weights of the stock model and what inference needs.

    Args:
        checkpoint (dict): As written by mmengine.

    Returns:
        dict: ``state_dict`` and ``meta`` with the classes and the palette.
    """
    return dict(
        state_dict={
            name: weight.cpu()
            for name, weight in checkpoint['state_dict'].items()
            if not name.startswith(TRAINING_ONLY)
        },
        meta={
            key: checkpoint['meta'][key]
            for key in ('dataset_meta', 'mmseg_version')
            if key in checkpoint.get('meta', {})
        })


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('checkpoint', help='checkpoint of a training')
    parser.add_argument('out', help='file to write')
    args = parser.parse_args()
    checkpoint = torch.load(
        args.checkpoint, map_location='cpu', weights_only=True)
    result = published(checkpoint)
    torch.save(result, args.out)
    dropped = len(checkpoint['state_dict']) - len(result['state_dict'])
    print(f'{args.out}: {len(result["state_dict"])} weights; {dropped} used '
          'in training alone were dropped.')


if __name__ == '__main__':
    main()
