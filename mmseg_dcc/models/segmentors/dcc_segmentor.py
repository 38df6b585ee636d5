from typing import Optional

from mmseg.registry import MODELS

from .semi_encoder_decoder import SemiEncoderDecoder


@MODELS.register_module()
class DCCSegmentor(SemiEncoderDecoder):
    """Directional Context-aware Consistency, the short way to the paper.

    A :class:`SemiEncoderDecoder` with the term ``dc``, a
    :class:`DirectionalContrast`; ``terms`` may name others beside it.

    Args:
        *args: See :class:`SemiEncoderDecoder`.
        projector (dict, optional): See :class:`DirectionalContrast`.
        loss_dc (dict, optional): Its ``loss``.
        memory_bank (dict, optional): Its ``bank``, where ``rows`` is called
            ``negatives_per_crop``.
        stride (int): See there. Defaults to 8, Sec. 4.1.
        terms (dict, optional): Further terms, or changes of ``dc``.
        **kwargs: See :class:`SemiEncoderDecoder`.

    Examples:
        >>> model = dict(
        ...     type='DCCSegmentor',
        ...     data_preprocessor=dict(type='SemiSegDataPreProcessor'),
        ...     projector=dict(type='PixelProjector', out_channels=128),
        ...     loss_dc=dict(type='DirectionalContrastiveLoss'),
        ...     memory_bank=dict(negatives_per_crop=3200, steps=3),
        ...     stride=8)
    """

    def __init__(self,
                 *args,
                 projector: Optional[dict] = None,
                 loss_dc: Optional[dict] = None,
                 memory_bank: Optional[dict] = None,
                 stride: int = 8,
                 terms: Optional[dict] = None,
                 **kwargs) -> None:
        terms = dict(terms or {})
        bank = memory_bank and {
            'rows' if key == 'negatives_per_crop' else key: value
            for key, value in memory_bank.items()
        }
        terms['dc'] = dict(
            dict(type='DirectionalContrast', projector=projector, bank=bank,
                 loss=loss_dc, stride=stride), **terms.get('dc', {}))
        super().__init__(*args, terms=terms, **kwargs)
