"""Tests of ``tools/paper/make_demo_dataset.py``."""
import importlib
import json

import numpy as np
import pytest
from PIL import Image

COUNTS = dict(num_labeled=5, num_unlabeled=8, num_val=4)
VOC_IDS = (0, 1, 3, 4, 5, 7, 15, 16)

pytest.importorskip('skimage')
pytest.importorskip('sklearn')


@pytest.fixture(scope='module')
def tool():
    import make_demo_dataset
    return make_demo_dataset


@pytest.fixture(scope='module')
def scenes():
    import demo_scenes
    return demo_scenes


@pytest.fixture(scope='module')
def train_photos(scenes):
    return scenes.load_photos('train')


@pytest.fixture(scope='module')
def demo(tool, tmp_path_factory):
    """Small complete data set; tests must not change it."""
    out_dir = tmp_path_factory.mktemp('data') / 'demo'
    assert tool.make_dataset(out_dir, **COUNTS)
    return out_dir


def read_list(out_dir, name):
    path = out_dir / 'ImageSets' / 'Segmentation' / f'{name}.txt'
    return path.read_text().splitlines()


def stems(out_dir, folder, suffix):
    files = list((out_dir / folder).iterdir())
    assert all(file.suffix == suffix for file in files)
    return {file.stem for file in files}


def file_bytes(out_dir):
    return {
        str(file.relative_to(out_dir)): file.read_bytes()
        for file in out_dir.rglob('*') if file.is_file()
    }


def test_lists_and_folders(demo):
    labeled, unlabeled, val, train_aug = (
        read_list(demo, name)
        for name in ('train_labeled', 'train_unlabeled', 'val', 'train_aug'))
    assert (len(labeled), len(unlabeled), len(val)) == (5, 8, 4)
    everything = {*labeled, *unlabeled, *val}
    assert len(everything) == 5 + 8 + 4
    assert train_aug == labeled + unlabeled
    assert stems(demo, 'JPEGImages', '.jpg') == everything
    assert stems(demo, 'SegmentationClassAug', '.png') == everything
    assert stems(demo, 'SegmentationClass', '.png') == {*labeled, *val}
    assert {path.name for path in demo.iterdir()} == {
        'JPEGImages', 'SegmentationClass', 'SegmentationClassAug',
        'ImageSets', 'demo.json'}
    assert json.loads((demo / 'demo.json').read_text())['num_labeled'] == 5


def test_masks_and_images(demo):
    seen = set()
    for path in sorted((demo / 'SegmentationClassAug').iterdir()):
        mask = Image.open(path)
        assert mask.mode == 'P'
        assert mask.size == (96, 96)
        # Known corners of VOC's palette: car, tvmonitor, border.
        colours = np.array(mask.getpalette()).reshape(-1, 3)
        assert colours[[7, 20, 255]].tolist() == [
            [128, 128, 128], [0, 64, 128], [224, 224, 192]]
        seen |= set(np.unique(mask).tolist())
        image = Image.open(demo / 'JPEGImages' / f'{path.stem}.jpg')
        assert (image.mode, image.size) == ('RGB', mask.size)
        twin = demo / 'SegmentationClass' / path.name
        assert not twin.exists() or twin.read_bytes() == path.read_bytes()
    assert {0} < seen <= set(VOC_IDS)


def test_class_names_are_vocs(tool, scenes):
    assert tool.DEMO_CLASSES == tuple(
        scenes.VOC_CLASSES[number] for number in VOC_IDS)


def test_jpeg_shows_the_mask(demo, scenes, train_photos):
    """Image, mask and RGB order match on disk."""
    name = read_list(demo, 'train_labeled')[3]
    sample = scenes.make_sample(train_photos, 'labeled', 3, bias=.9)
    image = np.asarray(Image.open(demo / 'JPEGImages' / f'{name}.jpg'))
    mask = Image.open(demo / 'SegmentationClass' / f'{name}.png')
    assert np.abs(image.astype(int) - sample.image).mean() < 6
    assert np.array_equal(mask, sample.mask)


def test_same_seed_same_bytes(tool, demo, tmp_path):
    tool.make_dataset(tmp_path / 'again', **COUNTS)
    assert file_bytes(tmp_path / 'again') == file_bytes(demo)


def test_images_do_not_depend_on_the_counts(tool, demo, tmp_path):
    tool.make_dataset(tmp_path, num_labeled=2, num_unlabeled=10, num_val=1)
    small = stems(tmp_path, 'JPEGImages', '.jpg')
    common = small & stems(demo, 'JPEGImages', '.jpg')
    assert len(common) == 2 + 8 + 1
    ours, theirs = file_bytes(tmp_path), file_bytes(demo)
    for name in common:
        for file in (f'JPEGImages/{name}.jpg',
                     f'SegmentationClassAug/{name}.png'):
            assert ours[file] == theirs[file]


def test_seed_split_and_index_change_the_image(scenes, train_photos):
    def draw(split='labeled', index=0, seed=0):
        return scenes.make_sample(train_photos, split, index, seed=seed).image

    images = [draw(), draw(seed=1), draw(index=1), draw(split='unlabeled')]
    for number, image in enumerate(images):
        for other in images[:number]:
            assert not np.array_equal(image, other)


def favourite_share(scenes, photos, split, bias):
    """Share of objects that are in one of their favourite places."""
    hits = []
    for index in range(100):
        sample = scenes.make_sample(photos, split, index, bias=bias, size=48)
        favourites = {name for place in sample.places
                      for name in scenes.FAVOURITES[place]}
        hits += [name in favourites for name in sample.objects]
    return np.mean(hits)


def test_labeled_images_are_biased(scenes, train_photos):
    labeled = favourite_share(scenes, train_photos, 'labeled', .9)
    unlabeled = favourite_share(scenes, train_photos, 'unlabeled', 0.)
    # About half of the classes are favourites of one of two places.
    assert labeled > .85
    assert .35 < unlabeled < .65


def test_only_labeled_images_are_biased(tool):
    assert tool.sample_bias('labeled', .9) == .9
    assert tool.sample_bias('unlabeled', .9) == 0
    assert tool.sample_bias('val', .9) == 0


def test_favourites_are_balanced(scenes):
    counts = {name: 0 for name in scenes.DEMO_CLASSES[1:]}
    for names in scenes.FAVOURITES.values():
        assert len(names) == 2
        for name in names:
            counts[name] += 1
    assert set(counts.values()) == {2}


def test_photo_parts_are_disjoint(scenes):
    photo = np.arange(7 * 11 * 3).reshape(7, 11, 3)
    train, val = (scenes.photo_part(photo, part) for part in ('train', 'val'))
    assert train.shape[1] == 6
    assert np.array_equal(np.hstack([train, val]), photo)
    assert scenes.SPLITS['val'].photo_part == 'val'
    assert all(scenes.SPLITS[split].photo_part == 'train'
               for split in ('labeled', 'unlabeled'))
    whole = scenes.read_photo(*scenes.PLACES['garden'][0])
    parts = [scenes.load_photos(part).places['garden'][0]
             for part in ('train', 'val')]
    assert np.array_equal(np.hstack(parts), whole)


def test_every_class_occurs_and_background_prevails(scenes, train_photos):
    masks = np.stack([
        scenes.make_sample(train_photos, 'unlabeled', index).mask
        for index in range(100)
    ])
    shares = np.bincount(masks.ravel(), minlength=21) / masks.size
    assert .5 < shares[0] < .85
    assert set(np.flatnonzero(shares)) == set(VOC_IDS)
    foreground = shares[list(VOC_IDS[1:])]
    assert foreground.max() < 4 * foreground.min()


@pytest.mark.parametrize('size', [32, 160])
def test_other_sizes(scenes, train_photos, size):
    sample = scenes.make_sample(train_photos, 'unlabeled', 0, size=size)
    assert sample.image.shape == (size, size, 3)
    assert sample.mask.shape == (size, size)
    assert sample.image.dtype == sample.mask.dtype == np.uint8


def test_drawings_agree_with_their_masks(scenes):
    rng = np.random.default_rng(0)
    for name, demo_class in scenes.CLASS_TABLE.items():
        for _ in range(30):
            canvas = scenes.draw_object(demo_class, 1., rng)
            assert .2 < canvas.mask.mean() < .55, name
            painted = canvas.image.any(axis=2)
            assert not (painted & (canvas.mask == 0)).any(), name
            # An object that the canvas cuts would have a straight side.
            inner = canvas.mask[1:-1, 1:-1]
            assert canvas.mask.sum() == inner.sum(), name


def test_mmseg_reads_it(demo, tool):
    pytest.importorskip('mmseg')
    # With mmcv-lite, mmseg needs the placeholder that our package installs.
    importlib.import_module('mmseg_dcc')
    from mmseg.datasets import PascalVOCDataset
    from mmseg.datasets.transforms import LoadAnnotations
    dataset = PascalVOCDataset(
        data_root=str(demo),
        ann_file='ImageSets/Segmentation/train_aug.txt',
        data_prefix=dict(img_path='JPEGImages',
                         seg_map_path='SegmentationClassAug'),
        metainfo=dict(classes=tool.DEMO_CLASSES),
        pipeline=[LoadAnnotations()])
    assert len(dataset) == 5 + 8
    labels = set()
    for result in dataset:
        on_disk = np.asarray(Image.open(result['seg_map_path']))
        expected = np.searchsorted(VOC_IDS, on_disk)
        assert np.array_equal(result['gt_seg_map'], expected)
        labels |= set(np.unique(result['gt_seg_map']).tolist())
    assert labels == set(range(8))


def test_rerun_does_nothing(tool, demo, capsys):
    def state():
        return {path: path.stat().st_mtime_ns for path in demo.rglob('*')}

    before = state()
    tool.main(['--out-dir', str(demo), '--num-labeled', '5',
               '--num-unlabeled', '8', '--num-val', '4'])
    assert 'complete already' in capsys.readouterr().out
    assert state() == before


def test_other_arguments_are_refused(tool, demo):
    before = file_bytes(demo)
    with pytest.raises(FileExistsError, match=(
            r'seed \(asked for 3, found 0\).*--overwrite')):
        tool.make_dataset(demo, seed=3, **COUNTS)
    with pytest.raises(SystemExit, match='num_val'):
        tool.main(['--out-dir', str(demo), '--num-labeled', '5',
                   '--num-unlabeled', '8', '--num-val', '9'])
    assert file_bytes(demo) == before


def test_overwrite_keeps_foreign_files(tool, tmp_path):
    few = dict(num_labeled=2, num_unlabeled=1, num_val=1)
    tool.make_dataset(tmp_path, **few)
    (tmp_path / 'notes.txt').write_text('mine')
    few['num_labeled'] = 1
    assert tool.make_dataset(tmp_path, seed=1, overwrite=True, **few)
    assert len(stems(tmp_path, 'JPEGImages', '.jpg')) == 3
    assert (tmp_path / 'notes.txt').read_text() == 'mine'


@pytest.mark.parametrize('overwrite', [False, True])
def test_foreign_folder_is_refused(tool, tmp_path, overwrite):
    (tmp_path / 'JPEGImages').mkdir()
    with pytest.raises(FileExistsError, match='not made by this tool'):
        tool.make_dataset(tmp_path, overwrite=overwrite, **COUNTS)


def test_interrupted_run_is_done_again(tool, demo, tmp_path, monkeypatch):
    def fail(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(tool, 'write_list', fail)
        with pytest.raises(KeyboardInterrupt):
            tool.make_dataset(tmp_path, **COUNTS)
    assert not (tmp_path / 'demo.json').exists()
    assert tool.make_dataset(tmp_path, **COUNTS)
    assert file_bytes(tmp_path) == file_bytes(demo)


@pytest.mark.parametrize(('argument', 'value', 'message'), [
    ('num_val', 0, '--num-val must be 1 or above, but got 0'),
    ('seed', -1, '--seed must be 0 or above, but got -1'),
    ('image_size', 16, '--image-size must be 32 .* but got 16'),
    ('bias', 1.5, '--bias is a probability .* but got 1.5'),
])
def test_arguments_are_checked(tool, tmp_path, argument, value, message):
    with pytest.raises(ValueError, match=message):
        tool.make_dataset(tmp_path / 'demo', **{argument: value})
    assert not (tmp_path / 'demo').exists()


def test_missing_package_is_named(tool, scenes, tmp_path, monkeypatch):
    monkeypatch.setattr(scenes.importlib.util, 'find_spec',
                        lambda name: None)
    with pytest.raises(SystemExit, match='pip install scikit-image'):
        tool.main(['--out-dir', str(tmp_path / 'demo')])
    assert not (tmp_path / 'demo').exists()


def test_missing_photo_is_named(scenes):
    with pytest.raises(FileNotFoundError,
                       match='no_such_flower.jpg.* scikit-learn'):
        scenes.find_photo('sklearn', 'datasets/images/no_such_flower.jpg')


def test_preview(tool, tmp_path):
    tool.write_preview(tmp_path / 'sheet.png', columns=3, image_size=32)
    assert Image.open(tmp_path / 'sheet.png').size == (3 * 32, 12 * 32)
