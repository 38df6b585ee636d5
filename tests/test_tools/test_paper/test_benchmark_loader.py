import json
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow

SCRIPT = ROOT / 'tools/paper/benchmark/loader.py'


def test_both_loaders_agree_and_are_timed(run, tmp_path):
    out = run(sys.executable, SCRIPT, '--images',
              2, '--draws', 1, '--repeats', 1, '--json',
              tmp_path / 'loader.json')
    rows = json.loads((tmp_path / 'loader.json').read_text())['rows']
    assert len(rows) == 5
    assert all(row['times faster'] > 0 for row in rows)
    assert out.count('| all, ') == 2


def test_own_images(run, data_dir):
    out = run(sys.executable, SCRIPT, '--images',
              1, '--draws', 1, '--repeats', 1, '--image-dir',
              data_dir / 'data/VOCdevkit')
    assert '| decode, resize |' in out


def test_folder_without_jpeg_files(run, tmp_path):
    out = run(
        sys.executable,
        SCRIPT,
        '--image-dir',
        tmp_path,
        returncode=2)
    assert f'--image-dir {tmp_path} holds no JPEG files' in out
