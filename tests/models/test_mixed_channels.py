"""Tests of encoders and masked autoencoders that mix the channels of a signal."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from sktsmae.models import PRETEXT_TASKS, CWT_MAE_RoPE, LatentMAE, SignalEncoder

KINDS = ["cls", "tokens"]


def randomize_mixing(module: nn.Module) -> None:
    """Replace the initial zeros of the layers that mix channels, which would hide errors."""
    for name, weights in module.named_parameters():
        if ".mixing." in name and "attn.proj.weight" in name:
            nn.init.xavier_uniform_(weights)


@pytest.fixture(params=KINDS)
def mixing(request, small_encoder) -> SignalEncoder:
    """Return an encoder of two blocks and one more, so that mixed class tokens reach the patch tokens."""
    signal_encoder = SignalEncoder.from_settings(**{**small_encoder, "depth": 3, "channel_mixing": request.param})
    randomize_mixing(signal_encoder)
    return signal_encoder.eval()


@pytest.fixture
def x() -> Tensor:
    return torch.randn(3, 4, 130)


def test_tokens_of_a_channel_depend_on_the_other_channels(mixing, x):
    changed = x.clone()
    changed[:, 3] = torch.randn(130)
    difference = (mixing(changed) - mixing(x))[:, 0]  # (B, 1 + N, D)
    assert (difference.abs().amax((1, 2)) > 1e-4).all()


def test_signals_of_a_batch_do_not_influence_each_other(mixing, x):
    assert_close(mixing(x)[1:], mixing(x[1:]))


def test_missing_channel_is_as_if_it_were_absent(mixing, x):
    x[:, 1] = torch.nan
    tokens = mixing(x)
    assert_close(tokens[:, [0, 2, 3]], mixing(x[:, [0, 2, 3]]))
    assert tokens[:, 1].isnan().all()


def test_any_number_of_channels_is_accepted(mixing):
    for num_channels in (1, 2, 7):
        assert mixing(torch.randn(2, num_channels, 130)).shape[:2] == (2, num_channels)
    assert mixing(torch.randn(2, 130)).shape[:2] == (2, 1)


def test_readout_of_a_layer_contains_the_mixing_after_its_block(mixing, x):
    changed = x.clone()
    changed[:, 3] = torch.randn(130)
    before, after = zip(mixing.layer_tokens(x, [1, 2]), mixing.layer_tokens(changed, [1, 2]), strict=True)
    assert_close(before[0].unflatten(0, (3, 4))[:, 0], before[1].unflatten(0, (3, 4))[:, 0])
    assert not torch.equal(after[0].unflatten(0, (3, 4))[:, 0, 0], after[1].unflatten(0, (3, 4))[:, 0, 0])


@pytest.mark.parametrize("kind", KINDS)
def test_encoder_with_new_mixing_returns_the_tokens_of_the_loaded_encoder(kind, small_encoder, x):
    small_encoder |= {"depth": 3}
    loaded = SignalEncoder.from_settings(**small_encoder).eval()
    state = {f"signal_encoder.{name}": tensor for name, tensor in loaded.state_dict().items()}
    mixing = SignalEncoder.from_settings(**small_encoder, channel_mixing=kind).eval()
    mixing.load_encoder(state, "test")
    assert_close(mixing(x), loaded(x))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channel_mixing": "all"}, "channel_mixing='all': choose one of 'none', 'cls', 'tokens'"),
        ({"channel_mixing": "cls", "depth": 2}, "depth=2; give depth=3 or more"),
        ({"channel_mixing": "tokens", "depth": 1}, "depth=1; give depth=2 or more"),
        ({"channel_mixing": "cls", "channel_layout": "line"}, "channel_layout='line': give 'ring' or None"),
    ],
)
def test_invalid_mixing_is_refused(settings, message, small_encoder):
    with pytest.raises(ValueError, match=message):
        SignalEncoder.from_settings(**{**small_encoder, **settings})


def make_task(name: str, small: dict[str, Any], kind: str) -> CWT_MAE_RoPE:
    task = PRETEXT_TASKS[name](**{**small, "depth": 3}, channel_mixing=kind)
    assert isinstance(task, CWT_MAE_RoPE)
    randomize_mixing(task)
    return task


def test_token_mixing_shows_the_same_positions_of_all_channels(small, x):
    for kind, same in (("tokens", True), ("cls", False)):
        task = make_task("reconstruction", small, kind)
        mask = task.reconstruct(task.scalogram(x)).mask.unflatten(0, (3, 4))
        assert bool((mask == mask[:, :1]).all()) is same
        assert not torch.equal(mask[0], mask[1])


def test_channels_are_dropped_in_training_mode_only(small, x):
    task = make_task("reconstruction", small, "tokens")
    assert task.draw(12)["channel_noise"].shape == (12, 1)
    assert "channel_noise" not in task.eval().draw(12)
    assert "channel_noise" not in CWT_MAE_RoPE(**small).draw(12)


@pytest.mark.parametrize("name", PRETEXT_TASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_loss_of_a_signal_with_a_dropped_channel_is_that_of_the_other_channels(name, kind, small, x):
    task = make_task(name, small, kind).eval()
    drawn = {"noise": torch.rand(3, 1, 21).expand(-1, 4, -1).flatten(0, 1)}
    dropped = torch.ones(12, 1)
    dropped[1::4] = 0.0  # the second channel of each signal
    others = {"noise": drawn["noise"].unflatten(0, (3, 4))[:, [0, 2, 3]].flatten(0, 1)}
    expected = task.signal_losses(x[:, [0, 2, 3]], others)
    assert_close(task.signal_losses(x, {**drawn, "channel_noise": dropped}), expected)


def test_teacher_and_student_both_have_the_layers_that_mix_channels(small):
    task = LatentMAE(**small, channel_mixing="tokens")
    assert len(task.encoder.mixing) == len(task.student.mixing) == 1
