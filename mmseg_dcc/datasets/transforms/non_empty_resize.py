import mmcv
from mmseg.datasets.transforms import Resize
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class NonEmptyResize(Resize):
    """``Resize`` that keeps at least one pixel on every side of an image.

    With ``keep_ratio`` the stock transform raises an error for a height of 0
    when an image of 20,000 x 20 pixels is resized to fit into 500 x 500.

    Required and modified keys and arguments are those of ``Resize``.

    Examples:
        >>> dict(
        ...     type='RandomResize', resize_type='NonEmptyResize',
        ...     scale=(500, 500), ratio_range=(0.5, 2.0), keep_ratio=True)
    """

    def transform(self, results: dict) -> dict:
        """Resizes image and annotations; see ``Resize``."""
        height, width = results['img'].shape[:2]
        if self.scale and self.keep_ratio:
            size = mmcv.rescale_size((width, height), self.scale)
            if not min(size):
                return Resize(
                    tuple(max(side, 1) for side in size),
                    interpolation=self.interpolation,
                    backend=self.backend)(results)
        return super().transform(results)
