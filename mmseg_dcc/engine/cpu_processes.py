"""Runs a multi-GPU config on CPU processes if there is no GPU."""
import torch.distributed as dist
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.optim import AmpOptimWrapper
from torch.nn import SyncBatchNorm


def run_on_cpu_if_needed(cfg: Config) -> None:
    """Adapts a config in place if torch sees no accelerator.

    SyncBN, which needs GPUs, becomes BN. Mixed precision becomes bfloat16.
    Processes communicate through gloo and validate with the running
    statistics of the first process. On a machine with an accelerator nothing
    is changed.

    Args:
        cfg (Config): Config with ``launcher`` set.

    Raises:
        ValueError: If the launcher cannot start CPU processes.
    """
    if get_device() != 'cpu':
        return
    _replace_sync_bn(cfg._cfg_dict)
    optim_wrapper = cfg.get('optim_wrapper') or {}
    # configs in pure Python name the class itself
    if optim_wrapper.get('type') in ('AmpOptimWrapper', AmpOptimWrapper):
        optim_wrapper.type = 'mmseg.CpuAmpOptimWrapper'
        for key in ('loss_scale', 'dtype'):
            optim_wrapper.pop(key, None)
    launcher = cfg.get('launcher', 'none')
    if launcher == 'none':
        return
    if launcher != 'pytorch':
        raise ValueError(
            f'Without a GPU only --launcher pytorch works, got {launcher}. '
            'Use tools/dist_train.sh.')
    # mmengine's default wrapper needs a CUDA device id. Its other default,
    # broadcast_buffers=False, must be repeated here: the bank is a buffer.
    cfg.setdefault(
        'model_wrapper_cfg',
        dict(
            type='MMDistributedDataParallel',
            device_ids=None,
            broadcast_buffers=False))
    # without SyncBN the running statistics of the processes differ
    cfg.custom_hooks = [
        *(cfg.get('custom_hooks') or []),
        dict(type='mmseg.RankZeroBuffersHook')
    ]
    # mmengine would request a CUDA device, whatever the backend. It does not
    # touch a process group that exists already.
    if not dist.is_initialized():
        dist.init_process_group(backend='gloo')


def _replace_sync_bn(node) -> None:
    """Replaces the type SyncBN by BN anywhere in a nested config."""
    if isinstance(node, dict):
        if node.get('type') in ('SyncBN', SyncBatchNorm):
            node['type'] = 'BN'
        node = node.values()
    elif not isinstance(node, (list, tuple)):
        return
    for value in node:
        _replace_sync_bn(value)
