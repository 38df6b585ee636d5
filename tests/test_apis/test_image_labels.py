"""Tests of image-level labels from three sources."""
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from mmseg_dcc.apis import image_labels
from mmseg_dcc.utils.configs import read_config
from mmseg_dcc.utils.input_error import InputError
from tests import tiny_data
from tests.conftest import ROOT
from tests.own_config import write_own_config
from tests.tool_scripts import load_tool

TOOL = load_tool('dataset_tools/make_image_labels.py')

CLASSES = ['background', 'cat', 'dog', 'cow']
IMAGES = ['a.jpg', 'deep/b.png', 'c.jpg']
XML = """<annotation><filename>x.jpg</filename>{}</annotation>"""
OBJECT = """<object><name>{}</name><difficult>1</difficult>
<part><name>head</name></part></object>"""


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_xml(tmp_path):
    for name, objects in (('a', ['cat', 'dog', 'cat']), ('deep/b', [])):
        write(tmp_path / f'{name}.xml',
              XML.format(''.join(map(OBJECT.format, objects))))
    assert image_labels.labels_from_xml(tmp_path, IMAGES) == {
        'a.jpg': {'cat', 'dog'},
        'deep/b.png': set()
    }
    write(tmp_path / 'c.xml', '<annotation>')
    with pytest.raises(InputError, match='c.xml is not a valid XML file'):
        image_labels.labels_from_xml(tmp_path, IMAGES)


def test_csv(tmp_path):
    path = write(tmp_path / 'labels.csv',
                 '\ufeffimage,classes\na.jpg,cat; dog\ndeep/b,\n')
    assert image_labels.labels_from_csv(path, IMAGES) == {
        'a.jpg': {'cat', 'dog'},
        'deep/b.png': set()
    }


@pytest.mark.parametrize('text, message', [
    ('file,label\na.jpg,cat\n', "got the columns .'file', 'label'.*image,cl"),
    ('image,classes\nz.jpg,cat\n', r"csv:2: 'z.jpg' is not among.*'a.jpg'"),
    ('image,classes\na,cat\na.jpg,dog\n', "csv:3: a second row of 'a.jpg'"),
])
def test_wrong_csv(tmp_path, text, message):
    path = write(tmp_path / 'labels.csv', text)
    with pytest.raises(InputError, match=message):
        image_labels.labels_from_csv(path, IMAGES)


def test_annotations_of_mmpretrain():
    labels = {'c.jpg': {'cow', 'background', 'cat'}, 'a.jpg': set()}
    assert image_labels.to_annotations(
        labels, ['cat', 'background', 'dog', 'cow'], 'background') == dict(
            metainfo=dict(
                classes=['cat', 'dog', 'cow'],
                mask_ids=[0, 2, 3],
                background_id=1),
            data_list=[
                dict(img_path='a.jpg', gt_label=[]),
                dict(img_path='c.jpg', gt_label=[0, 2])
            ])


@pytest.mark.parametrize('labels, classes, message', [
    ({'a.jpg': {'cat', 'rat'}}, CLASSES, 'a.jpg is labeled rat.*cat, dog'),
    ({}, CLASSES, 'None of the unlabeled images'),
    ({'a.jpg': {'cat'}}, CLASSES[1:], "are not 'background'.*--background"),
    ({'a.jpg': set()}, CLASSES[:1], 'and others'),
])
def test_refusals(labels, classes, message):
    with pytest.raises(InputError, match=message):
        image_labels.to_annotations(labels, classes, 'background')


def test_demo_as_if_labeled(in_data_dir, capsys, tmp_path):
    """The ids in the files are those of VOC, not those of the model."""
    out = tmp_path / 'labels.json'
    config = ROOT / 'configs/weak/deeplabv3plus_small_demo_weak.py'
    TOOL.main([
        str(config), 'masks', 'data/demo/SegmentationClassAug', '--out',
        str(out)
    ])
    annotations = json.loads(out.read_text())
    ids = [1, 3, 4, 5, 7, 15, 16]  # as in the files
    assert annotations['metainfo']['mask_ids'] == list(range(1, 8))
    assert len(annotations['data_list']) == 4
    for image in annotations['data_list']:
        name = image['img_path'].replace('.jpg', '.png')
        mask = np.array(
            Image.open(in_data_dir / 'data/demo/SegmentationClassAug' / name))
        assert [ids[i] for i in image['gt_label']
                ] == [i for i in np.unique(mask) if i]
    assert '4 of 4 images with labels' in capsys.readouterr().out


def test_own_data(tmp_path, capsys):
    tiny_data.make_own(tmp_path / 'own')
    config = write_own_config(
        tmp_path / 'configs',
        data_root=str(tmp_path / 'own'),
        classes=('soil', 'leaf'))
    table = write(tmp_path / 'labels.csv',
                  'image,classes\na.jpg,leaf\ndeep/er/b.webp,\n')
    out = tmp_path / 'labels.json'
    command = [str(config), 'csv', str(table), '--out', str(out)]
    with pytest.raises(SystemExit, match='soil, leaf, are not .background'):
        TOOL.main(command)
    TOOL.main([*command, '--background', 'soil'])
    assert json.loads(out.read_text())['data_list'] == [
        dict(img_path='a.jpg', gt_label=[0]),
        dict(img_path='deep/er/b.webp', gt_label=[])
    ]
    printed = capsys.readouterr().out
    assert '2 of 4 images with labels, without: d.PNG, deep/c.tif' in printed
    shutil.rmtree(tmp_path / 'own/unlabeled')
    with pytest.raises(FileNotFoundError, match='unlabeled'):
        image_labels.unlabeled_images(read_config(str(config)))
