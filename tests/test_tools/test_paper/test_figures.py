"""Tests of ``tools/paper/figures``, on networks with random weights."""
import csv
import json
import re
from pathlib import Path
from unittest import mock

import cv2
import data_flow
import grad_cam
import negative_precision
import numpy as np
import overlap_tsne
import predictions
import pytest
import torch
import torch.nn.functional as F
import validation_curves
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import FancyBboxPatch
from mmengine.config import Config
from mmseg.registry import MODELS
from work_dir import WorkDir, read, shortest_labels

from mmseg_dcc.models.head_features import encoder_features
from mmseg_dcc.models.semi_batch import UNKNOWN_IN_FILES
from mmseg_dcc.structures import ViewInfo
from mmseg_dcc.utils.configs import with_unformatted_text
from tests.backbones import import_mmpretrain
from tests.conftest import ROOT
from tests.optional_packages import needs_grad_cam
from tests.tiny_models import settle

METHODS = ('supervised', 'dcc')


@pytest.fixture(scope='module')
def trained(data_dir, tmp_path_factory):
    """Two work dirs of the tiny demo data, moved after their training."""
    return [
        make_work_dir(tmp_path_factory.mktemp(method), method, seed)
        for seed, method in enumerate(METHODS)
    ]


def make_work_dir(folder, method, seed=0):
    name = f'deeplabv3plus_small_demo_{method}'
    config = Config.fromfile(ROOT / f'configs/demo/{name}.py')
    with_unformatted_text(config).dump(folder / f'{name}.py')
    torch.manual_seed(seed)
    model = settle(MODELS.build(config.model))
    # else one class has the highest score everywhere
    with torch.no_grad():
        scores = model(torch.randn(4, 3, 96, 96), mode='tensor')
    model.decode_head.conv_seg.bias.data -= scores.mean((0, 2, 3))
    torch.save(
        dict(
            state_dict=model.state_dict(),
            meta=dict(dataset_meta=dict(config.metainfo))),
        folder / 'iter_4.pth')
    (folder / 'last_checkpoint').write_text('work_dirs/elsewhere/iter_4.pth')
    return folder


def write_scalars(folder, run, lines):
    path = folder / run / 'vis_data/scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text(''.join(json.dumps(line) + '\n' for line in lines))


def run(tool, folders, out, *options):
    tool.main([*map(str, folders), '--out', str(out), *map(str, options)])
    assert cv2.imread(str(out)).std() > 1  # something is drawn


def images_of(folder):
    """Normalised images of the test set and true masks, without a tool."""
    work_dir = WorkDir(folder)
    model = work_dir.model()
    for item in work_dir.test_set():
        images = item['inputs'][None][:, [2, 1, 0]].float()
        mean, std = (
            torch.tensor(work_dir.config.model.data_preprocessor.get(
                name, default)).view(3, 1, 1)
            for name, default in (('mean', [123.675, 116.28, 103.53]),
                                  ('std', [58.395, 57.12, 57.375])))
        yield (model, (images - mean) / std,
               item['data_samples'].gt_sem_seg.data[0].numpy())


def test_a_resumed_training_has_one_curve(tmp_path):
    make_work_dir(tmp_path, 'supervised')
    write_scalars(tmp_path, '20260101_1', [
        dict(loss=5., step=1), dict(mIoU=10., step=2), dict(loss=4., step=2),
        dict(loss=3., step=3), dict(mIoU=20., step=4), dict(loss=2., step=4)
    ])  # killed after 4; the last checkpoint was 2
    write_scalars(tmp_path, '20260101_2', [])
    write_scalars(tmp_path, '20260101_3',
                  [dict(loss=30., step=3), dict(mIoU=40., step=6)])
    work_dir = WorkDir(tmp_path)
    assert work_dir.curve('loss') == ([1, 2, 3], [5., 4., 30.])
    assert work_dir.curve('mIoU') == ([2, 4, 6], [10., 20., 40.])
    with pytest.raises(SystemExit, match="no 'aAcc'"):
        work_dir.curve('aAcc')


def test_what_is_no_work_dir_is_named(tmp_path):
    with pytest.raises(SystemExit, match='got 0 configs'):
        WorkDir(tmp_path)
    make_work_dir(tmp_path, 'supervised')
    (tmp_path / 'last_checkpoint').unlink()
    with pytest.raises(SystemExit, match='no checkpoint yet'):
        WorkDir(tmp_path).checkpoint()


@pytest.mark.parametrize('names, expected', [
    (['a_b_dcc', 'a_b_dcc_long', 'a_b_control'],
     ['dcc', 'dcc_long', 'control']),
    (['a_dcc', 'a_dcc_long'], ['dcc', 'dcc_long']),
    (['a_b'], ['a_b']),
    (['dcc', 'mine'], ['dcc', 'mine']),
])
def test_labels_are_short(names, expected):
    assert shortest_labels(names) == expected


def test_seeds_of_one_config_have_different_labels(trained, tmp_path):
    args = validation_curves.parse_args(
        [str(trained[0]), str(trained[0]), '--out', 'a.png', '--labels', 'a'])
    with pytest.raises(SystemExit, match='expected 2 different ones'):
        read(args)
    args.labels, args.work_dirs = None, [
        trained[0], make_work_dir(tmp_path, 'supervised')
    ]
    assert [w.label for w in read(args)
            ] == [str(trained[0]), str(tmp_path)]


def test_predictions_are_those_of_the_models(trained, in_data_dir, tmp_path):
    run(predictions, trained, tmp_path / 'a.png', '--images', 2)
    found = np.load(tmp_path / 'a.npz')
    assert len(found) == 2 * 3
    for method, folder in zip(METHODS, trained):
        paths = (f'data/demo/JPEGImages/image_0000{i}.jpg' for i in range(2))
        for path, (model, image, truth) in zip(paths, images_of(folder)):
            with torch.no_grad():
                scores = model(image, mode='tensor')
            labels = F.interpolate(
                scores, truth.shape, mode='bilinear').argmax(1)[0]
            assert len(labels.unique()) > 1
            np.testing.assert_array_equal(found[f'{path}/{method}'], labels)
            np.testing.assert_array_equal(found[f'{path}/ground truth'],
                                          truth)


def test_other_test_images_are_refused(trained, in_data_dir, tmp_path):
    path, = make_work_dir(tmp_path, 'supervised').glob('*.py')
    path.write_text(path.read_text().replace('val.txt', 'train_aug.txt'))
    with pytest.raises(SystemExit, match='8 from .* and 2 from'):
        run(predictions, [trained[0], tmp_path], tmp_path / 'a.png')


@pytest.fixture
def logged(tmp_path):
    """Work dir and the values that it logged."""
    make_work_dir(tmp_path, 'dcc')
    rng = np.random.default_rng(0)
    lines = [
        dict(
            step=step,
            mIoU=rng.random(),
            unsup_negative_precision=rng.random(),
            unsup_random_negative_precision=rng.random())
        for step in range(10, 200, 10)
    ]
    write_scalars(tmp_path, '20260101_1', lines)
    return tmp_path, lines


@pytest.mark.parametrize('tool, curves', [
    (validation_curves, dict(mine='mIoU')),
    (negative_precision, {
        'pseudo labels': 'unsup_negative_precision',
        'random': 'unsup_random_negative_precision'
    }),
])
def test_curves_are_those_of_the_log(logged, tmp_path, tool, curves):
    folder, lines = logged
    run(tool, [folder], tmp_path / 'a.png', '--labels', 'mine')
    with open(tmp_path / 'a.csv', newline='') as file:
        found = [(row['curve'], int(row['step']), float(row['value']))
                 for row in csv.DictReader(file)]
    assert found == [(name, line['step'], line[key])
                     for name, key in curves.items() for line in lines]


def test_running_mean_as_in_naive_loops():
    values = [3., 1., 4., 1., 5., 9.]
    expected = []
    for i in range(len(values)):
        part = values[max(0, i - 2):i + 1]
        expected.append(sum(part) / len(part))
    np.testing.assert_allclose(
        negative_precision.running_mean(values, 3), expected)


def naive_distances(features):
    """Distances computed position by position."""

    def distance(first, second):
        return 1 - float(first @ second / first.norm() / second.norm())

    count = features.shape[1]
    surroundings, colors = ([
        distance(features[0, i], features[other, i]) for i in range(count)
    ] for other in (1, 2))
    apart = [
        distance(features[0, i], features[0, j]) for i in range(count)
        for j in range(count) if i != j
    ]
    return surroundings, colors, apart


def test_distances_as_in_naive_loops():
    torch.manual_seed(0)
    distances, expected = overlap_tsne.Distances(), ([], [], [])
    # also an overlap of one position, which has no other place
    for count in (5, 1, 3):
        features = torch.randn(3, count, 4)
        distances.add(features)
        for known, new in zip(expected, naive_distances(features)):
            known += new
    surroundings, colors, apart = map(np.mean, expected)
    assert distances.means() == pytest.approx(
        dict(
            other_surroundings=surroundings,
            other_colors=colors,
            different_places=apart,
            relative_other_surroundings=surroundings / apart,
            relative_other_colors=colors / apart),
        rel=1e-5)


def test_crops_show_the_same_in_their_boxes(trained, in_data_dir):
    work_dir = WorkDir(trained[1])
    np.random.seed(0)
    moved = recolored = False
    for overlap in overlap_tsne.draw_overlaps(work_dir, 2):
        first, second, third = (
            crop[box[0]:box[2], box[1]:box[3]].astype(int)
            for crop, box in zip(overlap.crops, overlap.boxes))
        np.testing.assert_array_equal(first, second)
        # other colors of the same picture, but for a draw that changes none
        recolored = recolored or np.abs(first - third).mean() > 1
        assert np.corrcoef(first.ravel(), third.ravel())[0, 1] > 0.8
        moved = moved or overlap.boxes[0] != overlap.boxes[1]
        top, left, bottom, right = overlap.boxes[0]
        labels = iter(overlap.labels(4))
        for row in range(top, bottom, 4):
            for column in range(left, right, 4):
                assert next(labels) == overlap.mask[row + 2, column + 2]
        assert next(labels, None) is None
    assert moved and recolored


def test_half_positions_are_left_out():
    """Padding ends the overlap between two positions."""
    mask = np.arange(16 * 16).reshape(16, 16)
    infos = [
        ViewInfo((0, 0, 16, 16), (0, 0, 14, 16)),
        ViewInfo((4, 8, 20, 24), (0, 0, 10, 16))
    ]
    boxes = infos[0].shared(infos[1])
    overlap = overlap_tsne.Overlap([], [*infos, infos[0]],
                                   [*boxes, boxes[0]], mask)
    maps = torch.randn(3, 2, 4, 4)
    features, labels = overlap.cut(maps), overlap.labels(4)
    # rows 4 to 13 of crop I, of which 12 and 13 are half a position
    expected = [(row, column) for row in (1, 2) for column in (2, 3)]
    assert labels.tolist() == [
        mask[4 * row + 2, 4 * column + 2] for row, column in expected
    ]
    for n, (row, column) in enumerate(expected):
        for number, (down, right) in enumerate(((0, 0), (1, 2), (0, 0))):
            assert torch.equal(features[number, n],
                               maps[number, :, row - down, column - right])


@pytest.mark.parametrize('config', [
    'dcc/pspnet_r50_voc_1-8', 'dcc/deeplabv3plus_r50_cityscapes_1-8'
])
def test_colors_of_our_configs(config):
    config = Config.fromfile(ROOT / f'configs/{config}.py')
    pipeline = config.train_dataloader.dataset.datasets[1].pipeline
    cut = [step.type for step in pipeline].index('PairedRandomCrop') + 1
    found = [step.type for step in overlap_tsne.color_transforms(
        pipeline[cut:])]
    assert found == ['RandomApply', 'FastRandomGrayscale',
                     'RandomGaussianBlur']


def test_tsne_of_both_networks(trained, in_data_dir, tmp_path):
    run(overlap_tsne, trained, tmp_path / 'a.png', '--images', 2, '--points',
        20)
    found = json.loads((tmp_path / 'a.json').read_text())
    torch.manual_seed(0)
    np.random.seed(0)
    overlaps = overlap_tsne.draw_overlaps(WorkDir(trained[1]), 2)
    for method, folder in zip(METHODS, trained):
        result = found['networks'][method]
        points = np.array(result['points'])
        assert points.shape == (3, len(result['labels']), 2)
        assert len(result['labels']) <= 20 and points.std() > 0
        model, same_place, apart = WorkDir(folder).model(), [], []
        for overlap in overlaps:
            (first, second, _), _ = overlap_tsne.features_of(model, overlap)
            same_place += (1 - F.cosine_similarity(first, second)).tolist()
            matrix = 1 - F.cosine_similarity(first[:, None], first, dim=2)
            apart += matrix[~torch.eye(len(first), dtype=bool)].tolist()
        assert result['relative_other_surroundings'] == pytest.approx(
            np.mean(same_place) / np.mean(apart), rel=1e-4)


def test_tsne_needs_a_pipeline_of_pairs(trained, in_data_dir, tmp_path):
    with pytest.raises(SystemExit, match='Give one of DCC, too'):
        run(overlap_tsne, trained[:1], tmp_path / 'a.png')


def test_innermost_pixel():
    region = np.zeros((20, 30), bool)
    region[3:10, 4:15] = True  # rows 3 to 9: their middle is 6
    region[15:, 25:] = True  # smaller
    row, column = grad_cam.innermost_pixel(region)
    assert row == 6 and 7 <= column <= 11
    # the border of the image is outside, too
    assert grad_cam.innermost_pixel(np.ones((9, 9), bool)) == (4, 4)


@pytest.mark.parametrize('wanted, expected', [([], 2), ([5], 5), ([5, 2], 2),
                                              ([0], 0), ([7], None)])
def test_class_of_interest(wanted, expected):
    mask = np.repeat([0, 2, 5, UNKNOWN_IN_FILES], [9, 4, 3, 8])[None]
    assert grad_cam.class_of_interest(mask, wanted) == expected


def naive_map(model, image, row, column, averaged):
    """Weighted maps of the backbone by automatic differentiation."""
    *finer, deepest = model.extract_feat(image)
    with mock.patch.object(
            model, 'extract_feat', lambda images: (*finer, deepest)):
        features = encoder_features(model, image)[0]
    scale = image.shape[2] // features.shape[1]
    feature = features[:, row // scale, column // scale]
    gradient, = torch.autograd.grad(feature.square().sum() / 2, deepest)
    if averaged:
        gradient = gradient.mean((2, 3), keepdim=True)
    found = (gradient * deepest).sum(1, keepdim=True).relu().detach()
    found = found - found.min()
    found = F.interpolate(found, image.shape[2:], mode='bilinear')[0, 0]
    found = found - found.min()
    return (found / found.max()).numpy()


@needs_grad_cam
@pytest.mark.parametrize('method', ['GradCAM', 'HiResCAM'])
def test_maps_as_by_hand(trained, in_data_dir, tmp_path, method):
    import_mmpretrain()
    run(grad_cam, trained, tmp_path / 'a.png', '--method', method, '--rows', 2)
    found = json.loads((tmp_path / 'a.json').read_text())
    drawn = np.load(tmp_path / 'a.npz')
    assert len(found['images']) == 2 and len(drawn) == 4
    for name, folder in zip(METHODS, trained):
        for number, (model, image, truth) in enumerate(images_of(folder)):
            column, row = found['pixels'][number]
            expected = naive_map(model, image, row, column,
                                 method == 'GradCAM')
            contributions = drawn[f'{found["images"][number]}/{name}']
            np.testing.assert_allclose(contributions, expected, atol=2e-3)
            inside = total = 0.
            for value, label in zip(contributions.flat, truth.flat):
                total += float(value)
                inside += float(value) * (label == truth[row, column])
            assert found['share_on_class'][name][number] == pytest.approx(
                inside / total, rel=1e-4)


@needs_grad_cam
@pytest.mark.slow
def test_pixel_of_choice(trained, in_data_dir, tmp_path):
    import_mmpretrain()
    run(grad_cam, trained, tmp_path / 'a.png', '--pixel', 'image_00001', 10,
        20)
    found = json.loads((tmp_path / 'a.json').read_text())
    assert found['pixels'] == [[10, 20]]
    assert [Path(path).name for path in found['images']] == ['image_00001.jpg']
    for pixel, message in (((10, 96), 'is 96 x 96'), ):
        with pytest.raises(SystemExit, match=message):
            run(grad_cam, trained, tmp_path / 'a.png', '--pixel',
                'image_00001', *pixel)
    with pytest.raises(SystemExit, match="'mine' is not in the test set"):
        run(grad_cam, trained, tmp_path / 'a.png', '--pixel', 'mine', 1, 1)
    with pytest.raises(SystemExit, match='expected some of'):
        run(grad_cam, trained, tmp_path / 'a.png', '--classes', 'whale')


def test_data_flow(tmp_path):
    """Each text is inside of a box, each class is one of the project."""
    run(data_flow, [], tmp_path / 'a.png')
    figure = data_flow.draw()
    renderer = FigureCanvasAgg(figure).get_renderer()
    axes, = figure.axes
    boxes = [
        patch.get_window_extent() for patch in axes.patches
        if isinstance(patch, FancyBboxPatch)
    ]
    source = ''.join(
        path.read_text() for path in (ROOT / 'mmseg_dcc').rglob('*.py'))
    classes = re.findall(r'^class (\w+)', source, re.M)
    for text in axes.texts:
        inner = text.get_window_extent(renderer)
        assert any(
            box.fully_containsx(inner.x0) and box.fully_containsx(inner.x1)
            and box.fully_containsy(inner.y0)
            and box.fully_containsy(inner.y1) for box in boxes), text
        for name in re.findall(r'(?:[A-Z][a-z0-9]+){2,}', text.get_text()):
            assert name in classes or MODELS.get(name), name
