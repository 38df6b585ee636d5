"""Tests of ``mmseg_dcc/utils/arguments.py``."""
import pytest

from mmseg_dcc.models import SemiEncoderDecoder
from mmseg_dcc.utils.arguments import known_arguments
from tests.tiny_models import SINGLE, build


@pytest.mark.parametrize('kind, options, key, wrong, meant', [
    ('DCCSegmentor', dict(los_dc={}), 'model', 'los_dc', 'loss_dc'),
    ('SemiEncoderDecoder', dict(term={}), 'model', 'term', 'terms'),
    ('DCCSegmentor', dict(memory_bank=dict(negatives_per_crops=3)),
     'model.memory_bank', 'negatives_per_crops', 'negatives_per_crop'),
    ('DCCSegmentor', dict(projector=dict(out_channel=3)), 'model.projector',
     'out_channel', 'out_channels'),
    ('DCCSegmentor', dict(loss_dc=dict(temprature=1.)), 'model.loss_dc',
     'temprature', 'temperature'),
    ('DCCSegmentor', dict(terms=dict(dc=dict(wieght=1.))), 'model.terms.dc',
     'wieght', 'weight'),
    ('SemiEncoderDecoder',
     dict(terms=dict(x=dict(type='PseudoLabels', label_vew='a'))),
     'model.terms.x', 'label_vew', 'label_view'),
])
def test_named_as_the_config_has_it(kind, options, key, wrong, meant):
    with pytest.raises(TypeError) as error:
        build(kind, **SINGLE, **options)
    assert f"{key} has the argument '{wrong}'" in str(error.value)
    assert f"Do you mean '{meant}'?" in str(error.value)
    # nothing that no config names
    assert 'Cascade' not in str(error.value)
    assert 'kwargs' not in str(error.value)


def test_models_of_others_keep_their_arguments():

    class Other(SemiEncoderDecoder):

        def __init__(self, more, **kwargs):
            super().__init__(**kwargs)

    class Any:

        def __init__(self, **kwargs):
            pass

    assert {'more', 'terms', 'backbone', 'test_cfg', 'init_cfg'
            } <= known_arguments(Other)
    assert known_arguments(Any) is None
