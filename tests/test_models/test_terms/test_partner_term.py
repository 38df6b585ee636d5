"""Tests of ``mmseg_dcc/models/terms/partner_term.py``."""
import pytest
import torch
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS

from mmseg_dcc.models.semi_batch import LabeledPart
from mmseg_dcc.models.terms import partner_term
from tests.tiny_models import (
    CASCADE,
    FCN_HEAD,
    PSP,
    SIDE,
    SINGLE,
    batch,
    build,
    without_dropout,
)


@MODELS.register_module()
class HeadWithALossOfItsOwn(FCNHead):
    """Head whose loss is computed at the size of the features."""

    def loss_by_feat(self, seg_logits, batch_data_samples):
        labels = self._stack_batch_gt(batch_data_samples).squeeze(1)
        step = labels.shape[-1] // seg_logits.shape[-1]
        return dict(
            loss_ce=self.loss_decode(seg_logits, labels[:, ::step, ::step]))


OWN = dict(SINGLE, decode_head=dict(FCN_HEAD, type='HeadWithALossOfItsOwn'))


@pytest.mark.parametrize('config', [SINGLE, PSP, CASCADE, OWN])
def test_labeled_scores_are_those_of_the_stock_loss(config, monkeypatch):
    torch.manual_seed(0)
    model = without_dropout(
        build('SemiEncoderDecoder', **config,
              terms=dict(cps=dict(type='CrossPseudo'))).train())
    term = model.terms['cps']
    data = model.data_preprocessor(batch(), training=True)
    labeled = LabeledPart(data['inputs']['sup'], data['data_samples']['sup'],
                          [], model.pixel_head)
    expected = term.partner_scores(labeled.images)
    if config is not OWN:
        # the stock loss has already resized them
        monkeypatch.setattr(partner_term, 'at_image_size', None)
    loss, scores = term.partner_supervised(labeled)
    assert scores.shape == (2, 3, SIDE, SIDE)
    torch.testing.assert_close(scores, expected)
    stock = term.partner.loss(labeled.images, labeled.samples)
    torch.testing.assert_close(
        loss, sum(v for key, v in stock.items() if 'loss' in key))
    scores.sum().backward()
    assert term.partner.backbone.conv1.weight.grad is not None
    # the hook is removed
    head = term.partner_head
    assert 'cls_seg' not in vars(head)
    assert not head.loss_decode._forward_pre_hooks


@pytest.mark.parametrize('kind', ['CrossPseudo', 'GuidedCollaboration'])
def test_second_network_learns_in_the_warmup(kind):
    """Else an untrained network would teach the trained one after it."""
    torch.manual_seed(0)
    model = without_dropout(
        build('SemiEncoderDecoder', **SINGLE,
              terms=dict(two=dict(type=kind))).train())
    term = model.terms['two']
    model.unsup_enabled = False
    data = model.data_preprocessor(batch(pairs=0), training=True)
    losses = model(**data, mode='loss')
    stock = term.partner.loss(data['inputs']['sup'],
                              data['data_samples']['sup'])
    torch.testing.assert_close(losses['unsup_loss_two_partner'],
                               stock['decode.loss_ce'])
    assert losses['unsup_loss_two'] == 0
    losses['unsup_loss_two_partner'].backward()
    assert all(parameter.grad is not None and parameter.grad.any()
               for parameter in term.partner.backbone.parameters())
    assert all(parameter.grad is None
               for name, parameter in model.named_parameters()
               if not name.startswith('terms.two.partner'))
    # a validation of a batch without unlabeled images calls no term
    assert 'unsup_loss_two_partner' not in model.eval()(**data, mode='loss')
