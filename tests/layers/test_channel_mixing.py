"""Tests of the layers that mix the channels of a signal."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from sktsmae.layers.channel_mixing import CHANNEL_MIXING, ClsMixing, TokenMixing

KINDS = list(CHANNEL_MIXING.values())


@pytest.fixture
def tokens() -> Tensor:
    return torch.randn(2, 5, 3, 16)


@pytest.mark.parametrize("kind", KINDS)
def test_each_channel_depends_on_the_other_channels(kind, tokens):
    mixing, changed = kind(16, 2), tokens.clone()
    changed[:, 1] += torch.randn(16)
    difference = (mixing(changed) - mixing(tokens))[:, [0, 2, 3, 4], 0]
    assert (difference.abs().amax(-1) > 0).all()


def test_cls_mixing_changes_only_the_class_tokens(tokens):
    mixed = ClsMixing(16, 2)(tokens)
    assert torch.equal(mixed[:, :, 1:], tokens[:, :, 1:])
    assert not torch.equal(mixed[:, :, 0], tokens[:, :, 0])


def test_token_mixing_does_not_mix_positions(tokens):
    mixing, changed = TokenMixing(16, 2), tokens.clone()
    changed[:, :, 1] += 1
    unchanged = [0, 2]
    assert torch.equal(mixing(changed)[:, :, unchanged], mixing(tokens)[:, :, unchanged])


@pytest.mark.parametrize("kind", KINDS)
def test_order_of_channels_has_no_effect_without_a_layout(kind, tokens):
    mixing, order = kind(16, 2), torch.randperm(5)
    assert_close(mixing(tokens[:, order]), mixing(tokens)[:, order])  # sums in another order


def test_channels_on_a_ring_may_be_rotated_but_not_exchanged(tokens):
    mixing = TokenMixing(16, 2, ring=True)
    assert_close(mixing(tokens.roll(2, 1)), mixing(tokens).roll(2, 1))
    exchanged = [1, 0, 2, 3, 4]
    assert (mixing(tokens[:, exchanged]) - mixing(tokens)[:, exchanged]).abs().max() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_missing_channels_are_as_if_they_were_absent(kind, tokens):
    mixing, missing = kind(16, 2), torch.zeros(2, 5, dtype=torch.bool)
    missing[0, 1] = missing[1, 4] = True
    mixed = mixing(tokens, missing)
    assert_close(mixed[0, [0, 2, 3, 4]], mixing(tokens[:1, [0, 2, 3, 4]])[0])
    assert_close(mixed[1, :4], mixing(tokens[1:, :4])[0])
    assert mixed.isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_initial_mixing_changes_nothing(kind, tokens):
    mixing = kind(16, 2)
    mixing.init_as_identity()
    assert torch.equal(mixing(tokens), tokens)
