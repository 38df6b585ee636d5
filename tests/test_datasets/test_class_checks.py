"""Tests of ``mmseg_dcc/datasets/class_checks.py``."""
import pytest
from mmengine.dataset import BaseDataset

from mmseg_dcc.datasets.class_checks import check_class_names, class_conflict
from tests.tiny_training import train

LABELED = 'train_dataloader.dataset.datasets.0.metainfo'
VAL = 'val_dataloader.dataset.metainfo'


class Named(BaseDataset):
    """Data set that only has class names."""

    def load_data_list(self):
        return []


def named(name, *classes):
    return Named(
        ann_file=f'{name}.txt',
        metainfo=dict(classes=classes),
        lazy_init=True)


@pytest.mark.parametrize('classes', [
    ('sky', 'road'),
    ('road', 'sky', 'car'),
    ('road', 'car'),
    ('way', 'air'),
    (),
])
def test_sets_that_train_together_must_agree(classes):
    with pytest.raises(
            ValueError,
            match=r"'second.txt' of train has the classes .*'first.txt' of "
            r"train has \('road', 'sky'\)"):
        check_class_names(
            dict(train=[
                named('first', 'road', 'sky'),
                named('second', *classes)
            ]))


@pytest.mark.parametrize('classes, message', [
    (('sky', 'road'), "id 0 is 'road' in one.*has id 1 in the other"),
    (('road', 'sky', 'car'), 'one has 2 classes, the other 3'),
    (('road', ), 'one has 2 classes, the other 1'),
    (('car', 'road'), "'road' has id 1 in the other"),
])
def test_validation_in_another_order(classes, message):
    with pytest.raises(ValueError, match=f'of val has.*{message}'):
        check_class_names(
            dict(train=[named('a', 'road', 'sky')],
                 val=[named('b', *classes)]))


@pytest.mark.parametrize('classes', [('Strasse', 'Himmel'), ('road', 'car')])
def test_other_words_may_be_meant(classes, warnings_logged):
    odd = check_class_names(
        dict(train=[named('a', 'road', 'sky')], val=[named('b', *classes)]))
    assert odd == warnings_logged()
    assert 'make sure that each id means the same' in odd[0]


def test_the_same_and_none_pass(warnings_logged):
    assert not check_class_names(
        dict(
            train=[named('a', 'road', 'sky'),
                   named('b', 'road', 'sky')],
            val=[named('c', 'road', 'sky'), named('d')]), 2)
    assert not check_class_names(dict(train=[named('a')], val=[]), 5)
    assert not warnings_logged()


def test_zero_label_of_one_set_alone(warnings_logged):
    sets = [named(name, 'a', 'b') for name in ('first', 'second')]
    for dataset, reduces in zip(sets, (True, False)):
        dataset.reduce_zero_label = reduces
    parts = dict(train_dataloader=sets[:1], val_dataloader=sets[1:])
    text, = check_class_names(parts)
    assert warnings_logged() == [text]
    assert "has reduce_zero_label=False, but 'first.txt' of" in text
    sets[1].reduce_zero_label = True
    assert not check_class_names(parts)


def test_forgotten_comma():
    lonely = Named(metainfo=dict(classes=('leaf')), lazy_init=True)
    message = r"'leaf', a single string.*\('leaf', \)"
    with pytest.raises(ValueError, match=message):
        check_class_names(dict(train=[lonely]))


def test_one_name_for_two_ids():
    with pytest.raises(ValueError, match=r"has \['sky'\] twice"):
        check_class_names(dict(train=[named('a', 'sky', 'road', 'sky')]))


def test_number_of_the_head():
    odd, = check_class_names(dict(train=[named('a', 'road', 'sky')]), 4)
    assert "2 classes ('road', 'sky'), but model.decode_head.num_clas" in odd


def test_spelling_makes_no_other_class():
    assert class_conflict(('Traffic light', 'car'),
                          ('traffic_light', 'Car')) is None
    assert "'Traffic light' in one, but 'traffic_light' has id 1" in (
        class_conflict(('Traffic light', 'car'), ('Car', 'traffic_light')))
    # two classes of one list
    names = ('a-b', 'ab')
    assert class_conflict(names, names) is None


def test_conflict_is_symmetric_and_blind_to_translations():
    assert class_conflict(('a', 'b'), ('b', 'a'))
    assert class_conflict(('b', 'c'), ('a', 'b'))
    assert class_conflict(('a', 'b'), ('b', 'c'))
    assert class_conflict(('a', 'b'), ('x', 'y')) is None


def test_training_tells_before_the_first_iteration(in_data_dir, tmp_path):
    from mmengine.config import Config

    from tests.tiny_training import CONFIG
    val = Config.fromfile(str(CONFIG)).val_dataloader
    classes = list(val.dataset.metainfo.classes)
    val.dataset.metainfo.classes = classes[:-2] + classes[:-3:-1]
    validation = {
        'val_dataloader': val,
        'val_cfg': dict(type='ValLoop'),
        'val_evaluator': dict(type='IoUMetric'),
    }
    with pytest.raises(ValueError, match='val_dataloader.*pottedplant'):
        train(tmp_path, validation)
