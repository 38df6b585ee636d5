"""Prediction of a folder of images: masks, overlays and class shares."""
import ast
import csv
import os.path as osp
import re
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Sequence

import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import CheckpointLoader
from mmengine.utils import track_iter_progress
from mmseg.registry import MODELS, TRANSFORMS
from PIL import Image
from prettytable import PrettyTable
from torch import nn

from ..datasets.image_files import IMAGE_SUFFIXES, image_files
from ..utils.atomic_file import written_atomically
from ..utils.configs import last_head, read_config
from ..utils.input_error import InputError, warn
from ..utils.mask_image import mask_colors, mask_image
from ..utils.result_names import refuse_overwriting, result_names
from ..utils.text_files import printable
from ..utils.weights_fit import compare_weights, weights_of
from ..visualization.mask_drawing import as_picture, overlay
from .pseudo_masks import without_annotations
from .publish import stock_model

TABLE = 'class_shares.csv'
# packages with networks, which a config of unknown origin may name
_KNOWN = re.compile(r'(mmseg_dcc|mmseg|mmpretrain|mmengine|mmcv)\.')


class Predictor:
    """Network that predicts images one at a time.

    Args:
        cfg (Config): Config of a training or of a published model.
        checkpoint (dict): Checkpoint of the training or published model.
        name (str): Name of the checkpoint, for messages.
        device (str): Device such as ``cpu`` or ``cuda:0``.

    Raises:
        InputError: If the weights do not fit the network, or the config has
            no test pipeline.
    """

    def __init__(self, cfg: Config, checkpoint: dict, name: str,
                 device: str) -> None:
        init_default_scope(cfg.get('default_scope') or 'mmseg')
        load, *others = _pipeline_of(cfg)
        self._load = TRANSFORMS.build(load)
        self._others = Compose(others)
        self._model = _model_of(cfg, checkpoint, name).to(device).eval()
        # one channel means foreground and background
        number = max(last_head(cfg.model)['num_classes'], 2)
        self.classes, self.palette = _classes_of(cfg, checkpoint, number)

    def load(self, path: str) -> dict:
        """Loads a file with the first transform of the pipeline.

        Raises:
            ValueError: If it cannot be read, whatever the reason is.
        """
        try:
            results = self._load(dict(img_path=path))
        # decoders raise anything on a broken file
        except Exception as error:
            raise ValueError(
                str(error).split('\n')[0] or type(error).__name__) from None
        if results is None or results.get('img') is None:
            raise ValueError('it could not be loaded')
        return results

    @torch.no_grad()
    def predict(self, loaded: dict) -> np.ndarray:
        """Predicts the class ids of an image.

        Args:
            loaded (dict): See :meth:`load`.

        Returns:
            np.ndarray: Ids in the size of the image, shape (h, w), uint8.
        """
        batch = pseudo_collate([self._others(loaded)])
        result, = self._model.test_step(batch)
        return result.pred_sem_seg.data.squeeze(0).byte().cpu().numpy()


class Report(NamedTuple):
    """Result of a prediction.

    Args:
        table (str): Classes with their shares of all pixels and of images.
        predicted (int): Number of predicted images.
        unreadable (list[str]): Names of the unreadable images.
    """
    table: str
    predicted: int
    unreadable: List[str]


def read_checkpoint(path: str) -> dict:
    """Reads a checkpoint on the CPU.

    Raises:
        InputError: If it is missing, or torch does not load it.
    """
    if not osp.isfile(path):
        raise InputError(f'There is no checkpoint {path}.')
    try:
        checkpoint = CheckpointLoader.load_checkpoint(
            path, 'cpu', logger='silent')
    # torch raises different exceptions for a truncated file, a file that is
    # not a checkpoint, and one with more than tensors
    except Exception as error:
        reason = str(error).split('\n')[0] or type(error).__name__
        raise InputError(
            f'{path} cannot be read as a checkpoint of a training or a '
            f'published model: {reason}') from None
    if not isinstance(checkpoint, dict):
        raise InputError(
            f'{path} holds a {type(checkpoint).__name__}, expected a '
            'checkpoint of a training or a published model.')
    return checkpoint


def config_for(config: Optional[str], checkpoint: dict, path: str,
               options: Optional[dict] = None) -> Config:
    """Config that is given, in the checkpoint, or beside it.

    Args:
        config (str, optional): Config file.
        checkpoint (dict): Checkpoint, perhaps with the config in its
            ``meta``. That config may only hold values; code in it is not run.
        path (str): Path of the checkpoint. ``model.py`` beside ``model.pth``
            is used if there is no other config.
        options (dict, optional): Overrides of its values. Defaults to None.

    Returns:
        Config: The config.

    Raises:
        InputError: If there is no config, or if it holds code.
    """
    beside = osp.splitext(path)[0] + '.py'
    text = checkpoint.get('meta', {}).get('cfg')
    if config is None and not text and osp.isfile(beside):
        config = beside
    if config is not None:
        return read_config(config, options)
    if not text:
        raise InputError(
            f'{path} holds no config, and there is no {beside}. Add the '
            'config file before the checkpoint.')
    if not _is_plain(text):
        raise InputError(
            f'The config in {path} holds code, which is not run, instead of '
            'values only. Add the config file before the checkpoint.')
    cfg = Config.fromstring(text, '.py')
    cfg.merge_from_dict(options or {})
    return cfg


def predict_folder(predictor: Predictor, folder: Path, out: Path) -> Report:
    """Predicts every image below a folder.

    Writes ``masks/*.png`` (class ids, coloured) and ``overlays/*.jpg`` (the
    image under these colours), with the names of the images relative to their
    folder, and ``class_shares.csv`` (in percent, one row per image).

    Args:
        predictor (Predictor): The network.
        folder (Path): Folder of images, at any depth, or one image.
        out (Path): Folder for the results.

    Returns:
        Report: Counts, and a table to print.

    Raises:
        InputError: If there is no image, or none could be read.
    """
    paths = images_to_predict(folder, out)
    root = folder if folder.is_dir() else folder.parent
    names = result_names(paths, [str(root)])
    refuse_overwriting(
        [str(path) for name in names.values()
         for path in (_mask_path(out, name), _overlay_path(out, name))],
        paths, '--out')
    colors = mask_colors(predictor.palette)
    rows, unreadable = [], []
    for path in track_iter_progress(paths):
        shown = osp.relpath(path, root)
        try:
            loaded = predictor.load(path)
        except ValueError as error:
            unreadable.append(shown)
            warn(f'\n{printable(shown)} is skipped: {error}')
            continue
        image = loaded['img'].copy()
        mask = predictor.predict(loaded)
        name = names[osp.abspath(path)]
        with written_atomically(_mask_path(out, name)) as temporary:
            mask_image(mask, predictor.palette).save(temporary)
        with written_atomically(_overlay_path(out, name)) as temporary:
            Image.fromarray(overlay(as_picture(image), mask, colors)).save(
                temporary, quality=90)
        counts = np.bincount(
            mask.ravel(), minlength=len(predictor.classes))
        rows.append((shown, mask.shape, counts))
    print()
    if not rows:
        raise InputError(
            f'None of the {len(paths)} images of {folder} could be read.')
    _write_table(out / TABLE, rows, predictor.classes)
    return Report(_as_table(rows, predictor.classes), len(rows), unreadable)


def images_to_predict(folder: Path, out: Path) -> List[str]:
    """Images below a folder, except those below the folder of the results.

    Warns how many images and videos of other types are left out.

    Args:
        folder (Path): Folder of images, or one image.
        out (Path): Folder of the results, perhaps inside of ``folder``.

    Returns:
        list[str]: Sorted paths.

    Raises:
        InputError: If there is no image.
    """
    if folder.is_file():
        return [str(folder)]
    if not folder.is_dir():
        raise InputError(f'There is no folder of images {folder}.')
    results = osp.join(osp.realpath(out), '')
    found = image_files(str(folder))
    inside = [
        path for path in (folder / name for name in found.images)
        if not osp.realpath(path).startswith(results)
    ]
    left_out = found.left_out_text()
    if not inside:
        raise InputError(
            f'There are no images in {folder}: expected files ending in '
            f'{", ".join(IMAGE_SUFFIXES)}; media files of other types: '
            f'{left_out or "none"}.')
    if left_out:
        warn('Images and videos of other types are left out: '
             f'{left_out}.')
    return [str(path) for path in inside]


def _mask_path(out: Path, name: str) -> Path:
    return out / 'masks' / f'{name}.png'


def _overlay_path(out: Path, name: str) -> Path:
    return out / 'overlays' / f'{name}.jpg'


def _pipeline_of(cfg: Config) -> list:
    loader = cfg.get('test_dataloader') or {}
    pipeline = loader.get('dataset', {}).get('pipeline') or cfg.get(
        'test_pipeline')
    if not pipeline:
        raise InputError(
            'The config has neither test_dataloader.dataset.pipeline nor '
            'test_pipeline, which define how an image is loaded and resized.')
    return without_annotations(pipeline)


def _model_of(cfg: Config, checkpoint: dict, name: str) -> nn.Module:
    model = MODELS.build(ConfigDict(stock_model(cfg.model.to_dict())))
    weights = weights_of(checkpoint)
    fit = compare_weights(model, weights)
    if fit.unfit or fit.not_finite:
        raise InputError(
            f'{name} does not fit the network of the config, or is broken: '
            f'{fit.text()}. Predictions of such a network would mean nothing. '
            'Use the config of the training that wrote it (its work dir has '
            'a copy), or another checkpoint.')
    # auxiliary heads and terms are not needed and need not fit
    own = model.state_dict()
    model.load_state_dict({
        key: value for key, value in weights.items()
        if key in own and own[key].shape == value.shape
    }, strict=False)
    return model


def _classes_of(cfg: Config, checkpoint: dict, number: int) -> tuple:
    meta = checkpoint.get('meta', {}).get('dataset_meta')
    if not meta:
        dataset = (cfg.get('test_dataloader') or {}).get('dataset', {})
        meta = dataset.get('metainfo') or {}
    classes = list(meta.get('classes') or ())
    if len(classes) != number:
        classes = [f'class {i}' for i in range(number)]
    return classes, meta.get('palette')


def _is_plain(text: str) -> bool:
    """Whether a config only assigns values and names known components."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    allowed = (ast.Module, ast.Assign, ast.Name, ast.Store, ast.Load, ast.Call,
               ast.keyword, ast.Constant, ast.List, ast.Tuple, ast.Dict,
               ast.UnaryOp, ast.USub)
    for node in ast.walk(tree):
        if not isinstance(node, allowed):
            return False
        if isinstance(node, ast.Call) and getattr(node.func, 'id',
                                                  None) != 'dict':
            return False
    return all(
        _KNOWN.match(value) for key, value in _named_values(tree)
        if key in ('type', 'imports') and '.' in value)


def _named_values(tree: ast.AST) -> Iterator[tuple]:
    # mmengine builds `type='package.function'` by calling it
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword):
            pairs = [(node.arg, node.value)]
        elif isinstance(node, ast.Dict):
            pairs = [(getattr(key, 'value', None), value)
                     for key, value in zip(node.keys, node.values)]
        else:
            continue
        for key, value in pairs:
            for leaf in ast.walk(value):
                if isinstance(leaf, ast.Constant) and isinstance(
                        leaf.value, str):
                    yield key, leaf.value


def _write_table(path: Path, rows: Sequence[tuple],
                 classes: Sequence[str]) -> None:
    # file names may hold bytes that are not valid UTF-8
    with written_atomically(path) as temporary, open(
            temporary, 'w', newline='', encoding='utf-8',
            errors='surrogateescape') as file:
        writer = csv.writer(file)
        writer.writerow(['image', 'width', 'height', *classes])
        for name, (height, width), counts in rows:
            writer.writerow([name, width, height, *(
                f'{share:.3f}' for share in 100 * counts / counts.sum())])


def _as_table(rows: Sequence[tuple], classes: Sequence[str]) -> str:
    counts = np.array([row[2] for row in rows])
    table = PrettyTable(
        ['class', 'share of all pixels (%)', 'mean share of an image (%)',
         'images with it'])
    table.align = 'r'
    table.align['class'] = 'l'
    pixels = 100 * counts.sum(0) / counts.sum()
    shares = 100 * (counts / counts.sum(1, keepdims=True)).mean(0)
    for entry in zip(classes, pixels, shares, (counts > 0).sum(0)):
        name, of_pixels, of_images, images = entry
        table.add_row([name, f'{of_pixels:.2f}', f'{of_images:.2f}', images])
    return table.get_string()
