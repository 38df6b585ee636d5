"""Tests of curves over all starts of a training, read once."""
import json

from mmseg_dcc.utils.scalars import Scalars


def write(folder, name, lines, end='\n'):
    path = folder / name / 'vis_data/scalars.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'a') as file:
        file.write('\n'.join(map(json.dumps, lines)) + end)


def train(step, loss):
    return dict(lr=0.1, loss=loss, time=0.5, iter=step, step=step)


def read(scalars):
    scalars.update()
    return scalars.training.get('loss'), scalars.validation.get('mIoU')


def test_validation_is_at_the_iteration_before(tmp_path):
    scalars = Scalars(tmp_path)
    assert read(scalars) == (None, None)
    # loops of epochs number validations by epoch
    write(tmp_path, '1', [train(10, 3.), train(20, 2.),
                          dict(mIoU=5., step=1)])
    assert read(scalars) == ({10: 3., 20: 2.}, {20: 5.})
    assert 'time' not in scalars.training
    write(tmp_path, '1', [train(30, 1.)])
    assert read(scalars) == ({10: 3., 20: 2., 30: 1.}, {20: 5.})


def test_resumed_training_replaces_what_it_does_again(tmp_path):
    write(tmp_path, '1', [train(10, 3.), dict(mIoU=5., step=10),
                          train(20, 2.), dict(mIoU=6., step=20)])
    # of the process that was killed
    write(tmp_path, '1', [], end='{"lr": 0.1, "lo')
    write(tmp_path, '2', [train(20, 2.5), dict(mIoU=7., step=20)])
    assert read(Scalars(tmp_path)) == ({10: 3., 20: 2.5}, {10: 5., 20: 7.})


def test_half_a_line_is_read_when_it_is_whole(tmp_path):
    scalars = Scalars(tmp_path)
    write(tmp_path, '1', [train(10, 3.)], end='')
    assert read(scalars) == (None, None)
    write(tmp_path, '1', [], end='\n')
    assert read(scalars) == ({10: 3.}, None)
