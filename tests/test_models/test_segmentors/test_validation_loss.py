"""Tests of a user's hook that computes the loss of validation images.

It calls ``runner.model(images, samples, mode='loss')`` as with any segmentor
of mmseg.
"""
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook
from mmengine.model import MMDistributedDataParallel
from mmseg.registry import DATASETS, MODELS

from tests.processes import run_processes
from tests.test_distributed import build_model, make_batch, train_steps
from tests.tiny_training import CONFIG, train

# methods with a bank, a teacher, a partner and random draws
NAMES = ('dc', 'pseudo', 'cps', 'cct')


class ValidationLossHook(Hook):
    """Hook that computes the loss after each iteration, for both batches."""

    def __init__(self):
        self.losses = {False: [], True: []}

    def before_train(self, runner):
        self.data = DATASETS.build(
            Config.fromfile(str(CONFIG)).val_dataloader.dataset)

    @torch.no_grad()
    def after_train_iter(self, runner, batch_idx, data_batch=None,
                         outputs=None):
        model = runner.model
        model.eval()
        for training, losses in self.losses.items():
            self.batch = model.data_preprocessor(
                pseudo_collate([self.data[0], self.data[1]]), training)
            losses.append(model(**self.batch, mode='loss'))
        model.train()


def test_training_does_not_notice(in_data_dir, tmp_path):
    results = []
    hook = ValidationLossHook()
    for number, hooks in enumerate([(hook, ), ()]):
        runner, steps = train(
            tmp_path / str(number), config=CONFIG, hooks=hooks,
            options={'randomness': dict(seed=3)})
        results.append((runner.model.state_dict(), steps))
    (state, steps), (expected_state, expected_steps) = results
    assert steps == expected_steps
    assert any('bank' in name for name in state)
    for name, value in state.items():
        assert torch.equal(value, expected_state[name]), name
    stock, split = hook.losses.values()
    assert len(stock) == 4
    for plain, ours in zip(stock, split):
        assert {f'sup_{key}' for key in plain} < {*ours}
        for key, value in plain.items():
            assert torch.equal(value, ours[f'sup_{key}'])
        assert ours['unsup_loss_dc'] == 0
    # those of the stock segmentor
    twin = MODELS.build(dict(runner.model.stock_config)).eval()
    twin.load_state_dict({
        name: value for name, value in state.items()
        if not name.startswith('terms.')})
    batch = hook.batch
    expected = twin(batch['inputs']['sup'], batch['data_samples']['sup'],
                    mode='loss')
    assert expected.keys() == stock[-1].keys()
    for key, value in expected.items():
        assert torch.equal(value, stock[-1][key])


def train_twice(rank):
    """Compares trainings with and without a hook in one process."""
    results = []
    for measures in (False, True):
        model = MMDistributedDataParallel(
            build_model(NAMES), broadcast_buffers=False,
            find_unused_parameters=False)
        if measures and rank == 0:  # and no other losses
            images, _, labeled, _ = make_batch(7)
            random_state = torch.get_rng_state()
            with torch.no_grad():
                losses = model.eval()(images, labeled, mode='loss')
            assert [*losses] == ['decode.loss_ce', 'decode.acc_seg']
            assert torch.equal(random_state, torch.get_rng_state())
            model.train()
        torch.manual_seed(1)
        losses = train_steps(model, rank, 2)['losses']
        results.append((losses, model.module.state_dict()))
    (losses, state), (expected, expected_state) = results
    return losses == expected and all(
        torch.equal(value, expected_state[name])
        for name, value in state.items())


@pytest.mark.slow
def test_process_measures_alone_under_ddp(tmp_path):
    assert run_processes(train_twice, tmp_path) == [True, True]
