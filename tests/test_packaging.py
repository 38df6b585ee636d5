"""What an installation carries, and how configs are found in it."""
import re
import shutil
import subprocess
import sys
import zipfile
from email import message_from_string

import modelindex
import pytest
import yaml

import mmseg_dcc

from .conftest import ROOT, environment
from .test_end_to_end.test_tools import CONFIG, SMALL

pytestmark = pytest.mark.slow

BASE = f'mmseg_dcc::dcc/{CONFIG.name}'
LOAD = """
import sys
import warnings
shown = warnings.showwarning
import mmseg_dcc
assert warnings.showwarning is shown  # that is for tools alone
from mmengine.config import Config
config = Config.fromfile(sys.argv[1])
print(config.model.type, config.custom_hooks[0].warmup_epochs)
"""


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """The wheel of a clone without anything beside it."""
    folder = tmp_path_factory.mktemp('wheel')
    source = folder / 'source'
    source.mkdir()
    names = subprocess.check_output(
        ['git', 'ls-files', '--cached', '--others', '--exclude-standard'],
        cwd=ROOT,
        text=True)
    for name in names.splitlines():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name, follow_symlinks=False)
    subprocess.run([
        sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps',
        '--no-build-isolation', '--no-index', '--wheel-dir', folder, source
    ],
                   check=True,
                   env=environment(PYTHONPATH=''))
    return next(folder.glob('*.whl'))


@pytest.fixture(scope='module')
def site(wheel):
    """A folder with the package as the wheel installs it."""
    folder = wheel.with_name('site')
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def user_config(tmp_path):
    path = tmp_path / 'mine.py'
    path.write_text(f'_base_ = {BASE!r}\n'
                    'custom_hooks = _base_.custom_hooks\n'
                    'custom_hooks[0].warmup_epochs = 3\n')
    return path


def test_wheel_carries_every_config_and_tool(site):
    installed = site / 'mmseg_dcc/.mim'
    # of no use without the clone: what serves the paper, or sets it up
    left_out = ('check_family.sh', 'quickstart.sh', 'run_tests.sh',
                'setup_env.sh')
    for folder in ('configs', 'tools'):
        expected, found = ({
            path.relative_to(root): path.read_bytes()
            for path in (root / folder).rglob('*')
            if path.is_file() and '__pycache__' not in path.parts
        } for root in (ROOT, installed))
        expected = {
            path: content
            for path, content in expected.items()
            if 'paper' not in path.parts and path.name not in left_out
        }
        assert found == expected and len(found) > 15
    # nothing else lands beside the other packages of the environment
    assert {path.name.split('-')[0]
            for path in site.iterdir()} == {'mmseg_dcc'}


def test_wheel_is_small_and_has_its_licence(wheel, site):
    assert wheel.stat().st_size < 2**20
    folder, = site.glob('*.dist-info')
    about = message_from_string((folder / 'METADATA').read_text())
    assert about['Version'] == mmseg_dcc.__version__
    licence, = folder.rglob('LICENSE')
    assert licence.read_bytes() == (ROOT / 'LICENSE').read_bytes()
    # two families in one environment overwrite each other
    assert not [
        needed for needed in about.get_all('Requires-Dist')
        if 'extra' not in needed and needed.startswith(('mm', 'onedl'))
    ]


def test_version_is_the_same_everywhere():
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text())
    latest = re.search(r'^## (\S+)', (ROOT / 'CHANGELOG.md').read_text(), re.M)
    assert citation['version'] == latest[1] == mmseg_dcc.__version__


def test_base_of_a_config_elsewhere(user_config, run):
    """With the installation of this environment, editable as a rule."""
    out = run(sys.executable, '-c', LOAD, user_config, PYTHONPATH='')
    assert out.strip().endswith('DCCSegmentor 3')


def test_wheel_trains_on_it(site, user_config, run, tmp_path):
    """Inherited classes are built in the scope mmseg_dcc."""
    out = run(
        sys.executable,
        '-m',
        'mmseg_dcc',
        'train',
        user_config,
        '--work-dir',
        tmp_path,
        '--cfg-options',
        *SMALL,
        'custom_hooks.0.warmup_epochs=0',
        'train_cfg.max_epochs=1',
        'train_cfg.val_interval=1',
        'train_dataloader.batch_sampler.epoch_length=1',
        PYTHONPATH=str(site),
        PYTHONWARNINGS='')
    assert 'unsup_loss_dc' in out and 'mIoU' in out
    # what the user types next, and nothing before the first line
    assert '  python -m mmseg_dcc predict ' in out
    assert 'pkg_resources is deprecated' not in out
    assert 'Failed to search registry' not in out


def test_package_page_links_to_no_file(site):
    metadata, = site.glob('mmseg_dcc-*.dist-info/METADATA')
    page = metadata.read_text()
    assert re.findall(r'\]\(([^)]*)\)', page) == re.findall(
        r'\]\((https?:[^)]*)\)', (ROOT / 'README.md').read_text())
    # neither headings nor code are lost
    for line in (ROOT / 'README.md').read_text().splitlines():
        if '](' not in line:
            assert line.strip() in page


@pytest.mark.parametrize('folder', ['', 'mmseg_dcc/.mim'])
def test_model_index(folder):
    index = modelindex.load(str(ROOT / folder / 'model-index.yml'))
    assert index.check(silent=True) == []
    configs = [model.config for model in index.models]
    assert sorted(configs) == sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / 'configs').rglob('*.py')
        if not {'_base_', 'custom'}.intersection(path.parts))
    names = [model.name for model in index.models]
    assert len(set(names)) == len(names)


def test_every_metafile_is_in_the_index():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    assert sorted(index['Import']) == sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / 'configs').rglob('metafile*'))
