"""Tests of ``mmseg_dcc/engine/training_checks.py``."""
import pytest

from mmseg_dcc.engine.training_checks import check_ignored_class
from tests.tiny_models import ASPP_HEAD, NUM_CLASSES, SINGLE, build


@pytest.mark.parametrize('ignored, told', [
    (255, False), (-1, False), (NUM_CLASSES, False), (0, True),
    (NUM_CLASSES - 1, True)])
def test_head_that_ignores_a_class(ignored, told, warnings_logged):
    config = dict(SINGLE, decode_head=dict(ASPP_HEAD, ignore_index=ignored))
    check_ignored_class(
        build('EncoderDecoder', 'SegDataPreProcessor', **config).decode_head)
    assert len(warnings_logged()) == told
    if told:
        assert f'ignore_index={ignored} is the id' in warnings_logged()[0]


def test_other_models(warnings_logged):
    check_ignored_class(None)
    assert not warnings_logged()
