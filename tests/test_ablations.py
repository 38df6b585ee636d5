"""Tests that the ablations change only their ingredient, and train."""
import pytest

from tests.project_configs import CONFIGS, load_config
from tests.tiny_training import train

pytestmark = pytest.mark.slow

BASES = {
    'pspnet_r50_voc_1-8': 'dcc/pspnet_r50_voc_1-8.py',
    'deeplabv3plus_small_demo': 'demo/deeplabv3plus_small_demo_dcc.py',
}
NO_SAMPLING = {'model.loss_dc.negative_sampling': False}
NO_FILTERING = {'model.loss_dc.positive_filtering': False}
NO_DIRECTION = {'model.loss_dc.directional': False}
ROWS = {
    'exp1_l2': {
        'model.loss_dc.type': 'L2ConsistencyLoss',
        'model.loss_dc.temperature': None,
        'model.loss_dc.confidence_threshold': None,
        'model.memory_bank': None,
    },
    'exp2_contrast': {**NO_DIRECTION, **NO_SAMPLING, **NO_FILTERING},
    'exp3_directional': {**NO_SAMPLING, **NO_FILTERING},
    'exp4_negative_sampling': NO_FILTERING,
    'exp5_bilateral': NO_DIRECTION,
    'exp6_same_crop': {
        'train_dataloader.dataset.datasets.1.pipeline.2.iou_range': (1., 1.)
    },
    'exp7_no_projector': {
        'model.projector': None
    },
}  # yapf: disable
NEGATIVES = {
    'pspnet_r50_voc_1-8': (500, 1000, 2000, 6400, 12800, 25600),
    'deeplabv3plus_small_demo': (64, 256, 1024, 8192),
}


def flat(value, key=''):
    """Values by dotted keys."""
    if isinstance(value, (dict, list)) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {
            inner: leaf
            for name, part in items
            for inner, leaf in flat(part, f'{key}.{name}'.strip('.')).items()
        }
    return {key: value}


def changes(name, base):
    """Differences between the training of two configs."""
    used = ('model', 'train_dataloader', 'optim_wrapper', 'param_scheduler',
            'train_cfg', 'custom_hooks', 'default_hooks', 'val_dataloader')
    new, old = (
        flat({part: load_config(each).to_dict().get(part) for part in used})
        for each in (name, base))
    return {
        key: new.get(key)
        for key in {**new, **old} if new.get(key) != old.get(key)
    }


@pytest.mark.parametrize('network', BASES)
@pytest.mark.parametrize('row', ROWS)
def test_row_of_table_3_changes_its_ingredient_alone(network, row):
    expected = dict(ROWS[row])
    changed = changes(f'ablation/{network}_{row}.py', BASES[network])
    for part in [key for key, value in expected.items() if value is None]:
        # a removed part takes its keys along
        changed = {
            key: value
            for key, value in changed.items()
            if value is not None or not key.startswith(part)
        }
        del expected[part]
    assert changed == expected


@pytest.mark.parametrize('network, number', [(network, number)
                                             for network in NEGATIVES
                                             for number in NEGATIVES[network]])
def test_number_of_negatives(network, number):
    name = f'ablation/{network}_negatives_{number}.py'
    bank = load_config(name).model.memory_bank
    # Table 4 counts those of a crop, its copy on the demo those of both
    crops = 2 if 'demo' in name else 1
    assert crops * bank.negatives_per_crop * bank.steps == number
    assert all(
        key.startswith('model.memory_bank.')
        for key in changes(name, BASES[network]))


@pytest.mark.parametrize('name', [
    'ablation/pspnet_r50_voc_1-8_control.py',
    'demo/deeplabv3plus_small_demo_control.py'
])
def test_control_has_lambda_zero(name):
    base = name.replace('ablation', 'dcc').replace('_control', '')
    base = base.replace('small_demo', 'small_demo_dcc')
    assert changes(name, base) == {'model.loss_dc.loss_weight': 0.}


@pytest.mark.parametrize('network, end', [('pspnet_r50_voc_1-8', 230),
                                          ('deeplabv3plus_small_demo', 4000)])
def test_long_supervised_training_changes_its_length_alone(network, end):
    base = BASES[network].replace('dcc', 'supervised')
    changed = changes(f'ablation/{network}_supervised_long.py', base)
    assert set(changed.values()) == {end}
    assert all('param_scheduler' in key or 'max' in key or 'length' in key
               or 'val_interval' in key for key in changed)


@pytest.mark.parametrize('row', [*ROWS, 'negatives_64'])
def test_trains_on_the_demo(row, in_data_dir, tmp_path):
    name = f'ablation/deeplabv3plus_small_demo_{row}.py'
    options = {}
    if row == 'exp1_l2':
        options = {
            'model.memory_bank': None,
            'model.loss_dc.confidence_threshold': 0.75
        }
    _, steps = train(tmp_path, options, config=CONFIGS / name)
    assert steps[0]['unsup_loss_dc'] == 0
    assert all(step['unsup_loss_dc'] > 0 for step in steps[1:])
