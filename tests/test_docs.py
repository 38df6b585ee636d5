"""README and docs/*.md: what they name is there, what they show runs."""
import ast
import fnmatch
import functools
import importlib
import inspect
import itertools
import pkgutil
import re
import sys
from pathlib import Path

import mmengine.registry
import mmseg
import mmseg.registry
import pytest
import torch
from mmseg.registry import MODELS

import mmseg_dcc
from mmseg_dcc.models import terms as all_terms
from mmseg_dcc.models.losses import pseudo_label_loss
from mmseg_dcc.models.terms import SemiTerm

from . import tiny_training
from .conftest import ROOT
from .project_configs import CONFIGS, load_config
from .tiny_models import (
    SIDE,
    SINGLE,
    aligned_sample,
    batch,
    build,
    settle,
)

PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]
# of the reader, or written by a command
MADE_BY_THE_READER = {
    'mine.py', 'mine_self_training.py', 'model.py', 'my_config.py',
    'kl_consistency.py', 'my_dcc_config.py', 'table.md'
}
# nothing that a config or a module here names
OF_OTHERS = {
    'ConnectionResetError', 'EOFError', 'MMSegInferencer', 'MultiBranch',
    'SemiBaseDetector'
}
STARTED_BY = {
    'tools/dist_test.sh': 'tools/test.py',
    'tools/dist_train.sh': 'tools/train.py',
    'tools/slurm_train.sh': 'tools/train.py',
    'tools/quickstart.sh': 'tools/paper/reproduce.py'
}
FOLDERS = ('configs', 'docs', 'mmseg_dcc', 'requirements', 'tests', 'tools')
REGISTRIES = [
    registry for module in (mmengine.registry, mmseg.registry)
    for registry in vars(module).values()
    if isinstance(registry, mmengine.registry.Registry)
]

pages = pytest.mark.parametrize(
    'page', PAGES, ids=[path.stem for path in PAGES])


def code_of(page):
    """(language, text) of each block; ('', text) of spans in the lines."""
    text = page.read_text()
    fence = re.compile(r'^( *)```(\w*)\n(.*?)^ *```$', re.M | re.S)
    blocks = [(match[2], re.sub(r'\\\n\s*', ' ', match[3]))
              for match in fence.finditer(text)]
    spans = re.findall(r'`([^`]+)`', fence.sub('', text))
    return blocks + [('', re.sub(r'\s+', ' ', span)) for span in spans]


def blocks_of(page, language):
    return [code for name, code in code_of(page) if name == language]


def expand(pattern):
    """What bash makes of braces."""
    match = re.search(r'\{([^{}]*)\}', pattern)
    if not match:
        return [pattern]
    return list(itertools.chain.from_iterable(
        expand(pattern[:match.start()] + part + pattern[match.end():])
        for part in match[1].split(',')))


def files():
    stock = Path(mmseg.__file__).parent / '.mim'
    found = {f'/{path.relative_to(ROOT)}' for path in ROOT.glob('*.*')}
    for base, folders in ((ROOT, FOLDERS), (stock, ('configs', ))):
        for folder in folders:
            found.update(f'/{path.relative_to(base)}'
                         for path in (base / folder).rglob('*'))
    return found


FILES = files()


def is_file(name):
    """Whether it is the end of a path, or its beginning without suffix."""
    rest = '' if re.search(r'\.\w+$', name) else '*'
    return (ROOT / name).exists() or bool(
        fnmatch.filter(FILES, f'*/{name.replace("../", "").strip("/")}{rest}'))


@pages
def test_files_are_there(page):
    missing = set()
    for _, code in code_of(page):
        # a folder of the project or of its configs, or a name with a suffix
        for name in re.findall(
                r'(?<![\w/.$*<-])((?:(?:configs|docs|mmseg_dcc|requirements|'
                r'tests|tools|dcc|supervised|ablation|weak|camvid|beyond|demo|'
                r'custom|_base_)/[\w./{},*-]+)|[\w./{},*-]+\.(?:py|sh|md|ya?ml'
                r'))(?![\w*])', code):
            name = name.rstrip('.,')
            if name.startswith(('data/', 'work_dirs/')):
                continue
            missing.update(
                single for single in expand(name)
                if single.rpartition('/')[2] not in MADE_BY_THE_READER
                and not is_file(single))
    assert not missing


@pages
def test_links_lead_somewhere(page):
    for target in re.findall(r'\]\(([^)\s]+)\)', page.read_text()):
        if target.startswith('http'):
            continue
        name, _, anchor = target.partition('#')
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r'^#+ (.*)$', linked.read_text(), re.M)
            assert anchor in {
                re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')
                for heading in headings
            }, target


@pages
def test_options_of_commands_are_there(page):
    common = (ROOT / 'mmseg_dcc/utils/command_line.py').read_text()
    for _, code in code_of(page):
        for tool, rest in re.findall(
                r'(?<!\w)(tools/[\w/]+\.(?:py|sh))([^\n|;#]*)', code):
            path = ROOT / STARTED_BY.get(tool, tool)
            source = path.read_text() + (ROOT / tool).read_text() + common
            if path.parent.name == 'figures':
                source += (path.parent / 'work_dir.py').read_text()
            for option in {*re.findall(r' (--[\w-]+)', rest)} - {'--help'}:
                assert f"'{option}'" in source, (tool, option)


@pages
def test_selected_tests_are_there(page):
    names = ' '.join(
        name for path in (ROOT / 'tests').rglob('test_*.py')
        for name in re.findall(r'def (test_\w+)', path.read_text()))
    for _, code in code_of(page):
        wanted = re.findall(r"-k (?:'([^']+)'|([a-z]\w+))", code)
        wanted += re.findall(r'^()(test_(?!dataloader)\w+)$', code)
        for quoted, word in wanted:
            for name in (quoted or word).split(' or '):
                assert name in names


@functools.lru_cache(maxsize=None)
def named_in_the_package():
    """Names that modules of the package have, by their values."""
    found = {}
    for info in pkgutil.walk_packages(mmseg_dcc.__path__, 'mmseg_dcc.'):
        found.update(vars(importlib.import_module(info.name)))
    return found


def registered(name):
    return next(
        filter(None, (registry.get(name) for registry in REGISTRIES)), None)


@pages
def test_classes_are_there(page):
    known = {
        *OF_OTHERS, *named_in_the_package(),
        *re.findall(r'class (\w+)', page.read_text())
    }
    for language, code in code_of(page):
        types = re.findall(r"type='(\w+)'", code)
        # Name, Name.argument, Name(argument=...
        match = re.fullmatch(
            r'((?:[A-Z]+[a-z0-9]+){2,}|[A-Z]{3,}[a-z]\w*)'
            r'(?:(?:\.|\()(\w+)\b(?!\().*)?', code)
        if not language and match and '/' not in code:
            types.append(match[1])
        for name in types:
            assert name in known or registered(name), name
        if not language and match and match[2]:
            assert takes(match[1], match[2]), code


def takes(name, argument):
    """Whether a class takes the argument, or has such an attribute."""
    kind = registered(name) or named_in_the_package()[name]
    return hasattr(kind, argument) or any(
        argument in inspect.signature(base.__init__).parameters
        for base in inspect.getmro(kind))


CONFIG_KEY = re.compile(
    r'(?<![\w./\'-])((?:model|\w+_dataloader|custom_hooks|default_hooks|'
    r'optim_wrapper|train_cfg|param_scheduler|sampler|batch_sampler)'
    r'(?:\.\w+)+)(?!\.?\w)')


def is_key(config, key):
    """Whether a config has the key, or a class of it takes it."""
    *parents, last = key.split('.')
    for part in parents:
        if isinstance(config, list):
            config = config[int(part)] if int(part) < len(config) else {}
        elif part in config:
            config = config[part]
        else:  # hooks may have any name
            return parents[0] == 'default_hooks'
    if last in config or parents[-1] == 'data_prefix':
        return True
    return 'type' in config and takes(config['type'], last)


@pages
def test_keys_of_configs_are_there(page):
    configs = [
        load_config(name) for name in (
            'demo/deeplabv3plus_small_demo_dcc_weak_teacher.py',
            'demo/deeplabv3plus_small_demo_advsemiseg.py',
            'cct/pspnet_r50_voc_1464_weak.py',
            'dcc/stock_pspnet_r50-d8_20k_voc12aug.py')
    ]
    for _, code in code_of(page):
        for key in CONFIG_KEY.findall(code):
            if key.startswith(('sampler', 'batch_sampler')):
                key = f'train_dataloader.{key}'
            if re.fullmatch(r'model\.(py|pth|onnx)', key):
                continue
            assert any(is_key(config, key) for config in configs), key


@pages
def test_python_is_python(page):
    for code in blocks_of(page, 'python'):
        ast.parse(code)


def test_readme_is_short():
    assert len(PAGES[0].read_text().splitlines()) <= 150


@pytest.mark.parametrize('page', ['README.md', 'docs/any_config.md'])
def test_fragment_is_a_config(page):
    shown, = [
        code for code in blocks_of(ROOT / page, 'python')
        if '_base_ = ' in code
    ]
    if page == 'README.md':  # its heading says so
        assert len(shown.splitlines()) == 12
    config = CONFIGS / 'dcc/stock_pspnet_r50-d8_20k_voc12aug.py'
    assert ast.dump(ast.parse(shown)) == ast.dump(
        ast.parse(config.read_text()))


def test_page_of_methods_names_every_fragment():
    text = (ROOT / 'docs/methods.md').read_text()
    named = set(itertools.chain.from_iterable(
        map(expand, re.findall(r'`([\w{},]+\.py)`', text))))
    for path in (CONFIGS / '_base_/methods').glob('*.py'):
        assert path.name in named


def test_table_of_the_readme_names_every_method():
    rows = re.findall(r'^\| (`.*?) \|', PAGES[0].read_text(), re.M)
    named = re.findall(r'`(\w+)`', ' '.join(rows))
    add_ons = {'pseudo_labels', 'weak_labels'}
    assert sorted(named) == sorted(
        path.stem for path in (CONFIGS / '_base_/methods').glob('*.py')
        if path.stem not in add_ons)


MAP = ROOT / 'docs/index.md'


def test_map_names_every_page():
    linked = re.findall(r'\]\(([\w.]+\.md)', MAP.read_text())
    assert {*linked} == {path.name
                         for path in MAP.parent.glob('*.md')} - {MAP.name}


def tasks():
    """Page, tool and test of each row of the map."""
    return re.findall(
        r'^\| .* \| \[([\w.]+)\]\(.*\) \| `(.*)` \| `(.*)` \|$',
        MAP.read_text(), re.M)


@pytest.mark.parametrize('page, tool, test', tasks())
def test_map_is_true(page, tool, test):
    """The page has the command, the test runs what it starts."""
    assert any(
        tool in code for language, code in code_of(MAP.parent / page)
        if language)
    started = Path(STARTED_BY.get(tool, tool)).stem
    assert re.search(rf'\b({started}|{Path(tool).stem})\b',
                     (ROOT / test).read_text())


EQUATION = ROOT / 'docs/equation_to_file.md'


def test_loop_of_the_equation_is_the_loss():
    loop, fragment = blocks_of(EQUATION, 'python')
    found = {}
    exec(loop, found)
    torch.manual_seed(0)
    batch = dict(
        scores=torch.randn(2, 4, 5, 6),
        labels=torch.randint(4, (2, 5, 6)),
        confidence=torch.rand(2, 5, 6),
        valid=torch.rand(2, 5, 6) < 0.8,
        threshold=0.4)
    torch.testing.assert_close(pseudo_label_loss(**batch),
                               found['naive_loss'](**batch))
    exec(fragment, found)
    assert found['fixmatch_model'] == load_config(
        '_base_/methods/fixmatch.py').fixmatch_model


WRITE_A_TERM = ROOT / 'docs/write_a_term.md'


def test_every_term_is_in_the_table():
    table = re.findall(r'^\| `(\w+)` \| `(\w+\.py)` \|',
                       WRITE_A_TERM.read_text(), re.M)
    kinds = [
        kind for kind in vars(all_terms).values()
        if inspect.isclass(kind) and issubclass(kind, SemiTerm)
        and MODELS.get(kind.__name__)  # no base of others
    ]
    assert set(table) == {(kind.__name__,
                           Path(inspect.getfile(kind)).name)
                          for kind in kinds}


@pytest.fixture
def example(tmp_path, monkeypatch):
    """The two files of the page, in a folder that Python looks into."""
    page, = [
        code for code in blocks_of(WRITE_A_TERM, 'python') if '# ----' in code
    ]
    parts = re.split(r'^# ---- (\S+)\n', page, flags=re.M)[1:]
    for name, text in zip(parts[::2], parts[1::2]):
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    MODELS.module_dict.pop('KLConsistency')
    sys.modules.pop('kl_consistency')


def test_example_trains_across_the_end_of_the_warmup(
        example, in_data_dir, monkeypatch):
    for key in [key for key in tiny_training.SMALL if key.startswith('model')]:
        monkeypatch.delitem(tiny_training.SMALL, key)
    runner, steps = tiny_training.train(
        example / 'work', {'train_cfg.max_iters': 2},
        config=example / 'my_config.py')
    assert [*runner.model.terms] == ['consistency']
    in_warmup, after = steps
    assert in_warmup['unsup_loss_consistency'] == 0
    assert 'unsup_agreement' not in in_warmup
    assert after['unsup_loss_consistency'] > 0
    assert 0 < after['unsup_agreement'] < 1


def test_example_computes_what_it_says(example):
    importlib.import_module('kl_consistency')
    consistency = dict(type='KLConsistency', weight=2.)
    torch.manual_seed(0)
    model, teacher = (
        settle(build('SemiEncoderDecoder', **SINGLE,
                     terms=dict(consistency=consistency))) for _ in range(2))
    model.set_teacher(teacher)
    height, width = 24, 32
    data = model.data_preprocessor(
        batch(sample=lambda: aligned_sample(
            ('weak', 'strong1'), flips=(None, 'horizontal'),
            valid=(0, 0, height, width))),
        training=True)
    losses = model(**data, mode='loss')

    meta = [dict(img_shape=(SIDE, SIDE))] * 2
    weak, strong = data['inputs']['unsup'].unbind(1)
    with torch.no_grad():
        taught = teacher.encode_decode(weak, meta).softmax(1)
        said = model.encode_decode(strong, meta).softmax(1)
    divergences, agree = [], []
    for image, y, x in itertools.product(range(2), range(height),
                                         range(width)):
        pair = taught[image, :, y, x], said[image, :, y, SIDE - 1 - x]
        divergences += [(pair[0] * (pair[0].log() - pair[1].log())).sum()]
        agree += [float(pair[0].argmax() == pair[1].argmax())]
    torch.testing.assert_close(losses['unsup_loss_consistency'],
                               2 * torch.stack(divergences).mean())
    torch.testing.assert_close(losses['unsup_agreement'],
                               torch.tensor(agree).mean())

    losses['unsup_loss_consistency'].backward()
    assert model.backbone.conv1.weight.grad.any()
    assert all(value.grad is None for value in teacher.parameters())
