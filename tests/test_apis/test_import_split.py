"""Tests of the import of published lists in all their formats."""
import pytest

from mmseg_dcc.apis import import_split
from mmseg_dcc.utils.input_error import InputError
from tests.tool_scripts import load_tool

TOOL = load_tool('dataset_tools/import_splits.py')

AACHEN = 'aachen/aachen_000000_000019'
IMAGE = f'leftImg8bit/train/{AACHEN}_leftImg8bit.png'
LABEL_MAP = f'gtFine/train/{AACHEN}_gtFine_labelTrainIds.png'


@pytest.fixture
def run(tmp_path):
    """Imports two lists given as text; returns the folder of the result."""

    def run_import(labeled, unlabeled, *more_arguments, dataset='voc'):
        (tmp_path / 'labeled.txt').write_text(labeled)
        (tmp_path / 'unlabeled.txt').write_text(unlabeled)
        TOOL.main([
            '--labeled',
            str(tmp_path / 'labeled.txt'), '--unlabeled',
            str(tmp_path / 'unlabeled.txt'), '--dataset', dataset,
            '--out-dir',
            str(tmp_path / 'out'), '--name', '1-8_seed0', *more_arguments
        ])
        return tmp_path / 'out'

    return run_import


@pytest.mark.parametrize('line', [
    '/JPEGImages/2007_000032.jpg /SegmentationClassAug/2007_000032.png',
    'JPEGImages/2007_000032.jpg SegmentationClass/2007_000032.png',
    'JPEGImages/2007_000032.jpg\tSegmentationClass/2007_000032.png',
    'JPEGImages/2007_000032.jpg',
    '2007_000032.jpg',
    '2007_000032',
])
def test_voc_formats(line):
    assert import_split.parse_line(line, 'voc') == '2007_000032'


@pytest.mark.parametrize('line', [
    f'{IMAGE} {LABEL_MAP}',
    f'/{IMAGE} /{LABEL_MAP}',
    f'/{IMAGE}\t/{LABEL_MAP}',
    f'{IMAGE} gtFine/train/{AACHEN}_gtFine_labelIds.png',
    IMAGE,
    AACHEN,
    'aachen_000000_000019',
    '/images/train/aachen_000000_000019.png\t'
    '/segmentation/train/aachen_000000_000019_gtFine.png',
])
def test_cityscapes_formats(line):
    assert import_split.parse_line(line, 'cityscapes') == AACHEN


def test_writes_stems_in_the_published_order(run, capsys):
    out_dir = run(
        '/JPEGImages/2011_000009.jpg /SegmentationClassAug/2011_000009.png\n'
        '/JPEGImages/2007_000032.jpg /SegmentationClassAug/2007_000032.png\n',
        '2010_000001\n\n2008_000002\n2009_000003\n')
    assert (out_dir / '1-8_seed0_labeled.txt'
            ).read_text() == '2011_000009\n2007_000032\n'
    assert (out_dir / '1-8_seed0_unlabeled.txt'
            ).read_text() == '2010_000001\n2008_000002\n2009_000003\n'
    captured = capsys.readouterr()
    assert captured.out == '1-8_seed0: 2 labeled, 3 unlabeled\n'
    assert captured.err == ''


def test_cityscapes_lists(run):
    out_dir = run(
        f'{IMAGE} {LABEL_MAP}\n',
        'leftImg8bit/train/ulm/ulm_000001_000019_leftImg8bit.png\n',
        dataset='cityscapes')
    assert (out_dir / '1-8_seed0_labeled.txt').read_text() == f'{AACHEN}\n'
    assert (out_dir / '1-8_seed0_unlabeled.txt'
            ).read_text() == 'ulm/ulm_000001_000019\n'


@pytest.mark.parametrize('line, dataset, message', [
    ('cat.jpg', 'voc', "cannot read 'cat.jpg' as a file of voc.*2007_000032"),
    (IMAGE, 'voc', 'as a file of voc.*Is --dataset right'),
    ('2007_000032', 'cityscapes', f'as a file of cityscapes.*{AACHEN}'),
    ('2007_000032.jpg mask.tif', 'voc', "cannot read 'mask.tif'"),
    ('2007_000032 2007_000033', 'voc', 'two columns name different images'),
    ('a b c', 'voc', 'got 3 columns'),
])
def test_unreadable_line_names_file_and_line(run, tmp_path, line, dataset,
                                             message):
    first = {'voc': '2007_000001', 'cityscapes': 'ulm_000001_000019'}[dataset]
    with pytest.raises(SystemExit, match=rf'labeled.txt:2: .*{message}'):
        run(f'{first}\n{line}\n', f'{first}\n', dataset=dataset)
    assert not (tmp_path / 'out').exists()


def test_duplicate_line_in_another_form(run):
    with pytest.raises(
            SystemExit, match=r"unlabeled.txt:2: '2007_000032' is a dupl"):
        run('2007_000001\n',
            '2007_000032\nJPEGImages/2007_000032.jpg\n')


def test_overlap_is_a_warning_with_count(run, capsys):
    out_dir = run('2007_000001\n2007_000002\n2007_000003\n',
                  '2007_000002\n2007_000003\n2007_000004\n')
    assert ('2 images are in both lists (2007_000002, 2007_000003)'
            in capsys.readouterr().err)
    assert (out_dir / '1-8_seed0_unlabeled.txt').exists()


@pytest.mark.parametrize('name', ['../1-8', 'a b', ''])
def test_wrong_name(run, name):
    with pytest.raises(SystemExit, match='--name: got .*such as 1-8_seed0'):
        run('2007_000001\n', '2007_000002\n', '--name', name)


def test_missing_and_empty_file(tmp_path):
    with pytest.raises(InputError, match='none.txt does not exist'):
        import_split.read_published_list(tmp_path / 'none.txt', 'voc')
    (tmp_path / 'empty.txt').touch()
    with pytest.raises(InputError, match='empty.txt is empty'):
        import_split.read_published_list(tmp_path / 'empty.txt', 'voc')


@pytest.mark.parametrize('dataset, labeled, unlabeled, folder', [
    ('voc', '2007_000001', '2007_000002', 'JPEGImages/{}.jpg'),
    ('cityscapes', 'ulm/ulm_000001_000019', AACHEN,
     'leftImg8bit/train/{}_leftImg8bit.png'),
])
def test_data_root_check(run, tmp_path, dataset, labeled, unlabeled, folder):
    root = tmp_path / 'data'
    arguments = (labeled, unlabeled, '--data-root', str(root))
    with pytest.raises(SystemExit, match=f'Folder {root} does not exist'):
        run(*arguments, dataset=dataset)

    for stem in (labeled, unlabeled):
        image = root / folder.format(stem)
        image.parent.mkdir(parents=True, exist_ok=True)
        image.touch()
    out_dir = run(*arguments, dataset=dataset)
    assert (out_dir / '1-8_seed0_labeled.txt').read_text() == f'{labeled}\n'

    image.unlink()
    with pytest.raises(
            SystemExit, match=rf'1 of 2 images do not exist: {image}\.'):
        run(*arguments, dataset=dataset)
