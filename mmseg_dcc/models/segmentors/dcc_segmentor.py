from typing import Optional

from mmseg.registry import MODELS

from ...utils.arguments import refuse_unknown_arguments
from ..head_checks import check_head_types
from .semi_encoder_decoder import SemiEncoderDecoder


@MODELS.register_module()
class DCCSegmentor(SemiEncoderDecoder):
    """Segmentor of Directional Context-aware Consistency (DCC).

    A :class:`SemiEncoderDecoder` with the term ``dc``, a
    :class:`DirectionalContrast`, whose keys are arguments of the model:
    ``projector`` and ``stride``, ``loss_dc`` for ``loss``, and
    ``memory_bank`` for ``bank``, with ``negatives_per_crop`` instead of
    ``rows``. ``terms`` may add further terms.

    Examples:
        >>> model = dict(
        ...     type='DCCSegmentor',
        ...     data_preprocessor=dict(type='SemiSegDataPreProcessor'),
        ...     projector=dict(type='PixelProjector', out_channels=128),
        ...     loss_dc=dict(type='DirectionalContrastiveLoss'),
        ...     memory_bank=dict(negatives_per_crop=6400, steps=3),
        ...     stride=8)
    """

    def __init__(self, *args, projector: Optional[dict] = None,
                 loss_dc: Optional[dict] = None,
                 memory_bank: Optional[dict] = None, stride: int = 8,
                 terms: Optional[dict] = None, **kwargs) -> None:
        # An unsupported head is a clearer error than its unknown arguments.
        if 'decode_head' in kwargs:
            check_head_types(kwargs['decode_head'], kwargs.get('backbone'))
        refuse_unknown_arguments('model', kwargs, type(self))
        for key, part, kind, also, without in (
            ('projector', projector, 'PixelProjector', (), ()),
            ('loss_dc', loss_dc, 'DirectionalContrastiveLoss', (), ()),
            ('memory_bank', memory_bank, 'FeatureMemoryBank',
             ('negatives_per_crop', 'rows'), ('channels', 'slot_size'))):
            refuse_unknown_arguments(
                f'model.{key}', part or {}, (part or {}).get('type', kind),
                also, without, MODELS)
        bank = memory_bank and {
            key.replace('negatives_per_crop', 'rows'): value
            for key, value in memory_bank.items()
        }
        terms = dict(dict(dc={}), **(terms or {}))
        terms['dc'] = dict(dict(
            type='DirectionalContrast', projector=projector, bank=bank,
            loss=loss_dc, stride=stride), **terms['dc'])
        super().__init__(*args, terms=terms, **kwargs)
