"""Scope ``mmseg_dcc``, for configs that inherit from this package.

``_base_ = 'mmseg_dcc::dcc/deeplabv3plus_r50_voc_1-8.py'`` makes mmengine look
for the file in this package and build its components in the scope
``mmseg_dcc``. The classes are still registered in mmseg's registries: the
child registries here are empty and forward every look-up to them.
"""
import mmseg.registry
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.registry import Registry

# A module instead of the distribution: mmengine then asks Python for its
# location. For an editable install the distribution names a folder that does
# not exist.
MODULE2PACKAGE['mmseg_dcc'] = 'mmseg_dcc.version'

CHILDREN = [
    Registry(
        registry.name,
        parent=registry,
        scope='mmseg_dcc',
        locations=[
            'mmseg_dcc', 'mmseg.engine', 'mmseg.evaluation',
            'mmseg.visualization'
        ])
    for registry in (
        getattr(mmseg.registry, name) for name in mmseg.registry.__all__)
]
