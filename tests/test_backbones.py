"""Tests of the stock models of mmseg, and of docs/backbones.md.

When the page is out of date, ``python -m tests.backbones`` writes it anew.
"""
import os

import pytest
from mmengine.utils.dl_utils import mmcv_full_available

from .backbones import (
    FAMILIES,
    PAGE,
    REFUSED,
    has_mmpretrain,
    refused_row,
    render,
    rows_with_full_mmcv,
    trained_row,
)

COMPILED = [name for name, f in FAMILIES.items() if f.needs == 'full mmcv']


@pytest.mark.slow
@pytest.mark.parametrize('name', [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            family.needs == 'mmpretrain' and not has_mmpretrain(),
            reason='MMPRETRAIN_SITE: a folder with mmpretrain'))
    for name, family in FAMILIES.items() if name not in COMPILED
])
def test_family_trains_as_the_page_says(name):
    assert trained_row(name) in PAGE.read_text().splitlines()


@pytest.mark.slow
@pytest.mark.parametrize('name', REFUSED)
def test_family_is_refused_as_the_page_says(name):
    assert refused_row(name) in PAGE.read_text().splitlines()


@pytest.mark.slow
@pytest.mark.skipif(
    'MMCV_FULL_SITE' not in os.environ,
    reason='MMCV_FULL_SITE: a folder with the full mmcv')
def test_families_with_compiled_operators_train():
    rows = rows_with_full_mmcv()
    assert len(rows) == len(COMPILED)
    assert set(rows) <= set(PAGE.read_text().splitlines())


@pytest.mark.skipif(
    mmcv_full_available(), reason='full mmcv has these operators')
@pytest.mark.parametrize('name', COMPILED)
def test_missing_operator_is_named(name):
    with pytest.raises(ImportError, match=r'mmcv\.ops\.\w+ needs the compil'):
        trained_row(name)


def test_page_holds_nothing_else():
    text = PAGE.read_text()
    rows = [line for line in text.splitlines() if line.startswith('| ')]
    assert text == render(rows)
