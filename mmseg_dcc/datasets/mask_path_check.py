"""Check that the folder of the masks is set where masks are loaded."""
from typing import Dict

from mmcv.transforms import LoadAnnotations

from .checks import find_transform
from .class_checks import dataset_name

NO_MASKS = (
    'its pipeline loads masks (LoadAnnotations), but data_prefix.seg_map_path '
    'is not set. Set it. To predict images without masks, remove '
    'LoadAnnotations from the pipeline and set test_evaluator=dict('
    "type='IoUMetric', format_only=True, output_dir=FOLDER), which writes the "
    'predictions and measures nothing.')


def require_mask_paths(parts: Dict[str, list]) -> None:
    """Raises if masks are to be loaded and their folder is not set.

    Args:
        parts (dict[str, list]): Plain data sets by the key of their loader.

    Raises:
        ValueError: If a data set has no folder of masks; names the first.
    """
    for key, datasets in parts.items():
        for dataset in datasets:
            load = find_transform(dataset, LoadAnnotations)
            # other loaders may find masks elsewhere
            if type(load).__name__ != 'LoadAnnotations' or not len(dataset):
                continue
            if 'seg_map_path' not in dataset.get_data_info(0):
                raise ValueError(
                    f'{dataset_name(dataset)} of {key}: {NO_MASKS}')
