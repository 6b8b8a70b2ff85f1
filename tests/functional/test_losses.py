"""Tests of the losses of pre-training and fine-tuning."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from sktsmae.functional.losses import (
    _SquaredError,
    masked_patch_loss,
    waveform_loss,
    weighted_cross_entropy,
)
from sktsmae.functional.patches import patch_validity


@pytest.fixture
def patches():
    """Return predictions, targets and masks of two 3 x 7 images in 4 patches of 2 x 4, and a mask of valid values."""
    valid = patch_validity((3, 7), (2, 4), num_views=1)  # (4, 8); the last patch has 3 valid values
    mask = torch.tensor([[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0]])
    pred, target = torch.randn(2, 2, 4, 8)
    return pred, target, mask, valid


def test_masked_patch_loss_ignores_visible_patches(patches):
    pred, target, mask, valid = patches
    changed = torch.where(mask[..., None] == 0, pred + 100, pred)
    assert torch.equal(masked_patch_loss(changed, target, mask, valid), masked_patch_loss(pred, target, mask, valid))


def test_masked_patch_loss_ignores_padding(patches):
    pred, target, mask, valid = patches
    changed = torch.where(valid == 0, pred + 100, pred)
    assert torch.equal(masked_patch_loss(changed, target, mask, valid), masked_patch_loss(pred, target, mask, valid))


def test_masked_patch_loss_uses_every_valid_value_of_masked_patches(patches):
    pred, target, mask, valid = patches
    pred.requires_grad_()
    masked_patch_loss(pred, target, mask, valid).sum().backward()
    assert torch.equal(pred.grad != 0, (mask[..., None] * valid) == 1)


def test_masked_patch_loss_averages_over_values_and_then_over_masked_patches(patches):
    pred, target, mask, valid = patches
    error = (pred - target) ** 2
    losses = [error[b, n][valid[n] == 1].mean() for b, n in mask.nonzero().tolist()]  # two patches per sample
    assert_close(masked_patch_loss(pred, target, mask, valid), torch.stack(losses).unflatten(0, (2, 2)).mean(1))
    losses = [error[b, n].mean() for b, n in mask.nonzero().tolist()]
    assert_close(masked_patch_loss(pred, target, mask), torch.stack(losses).unflatten(0, (2, 2)).mean(1))


def test_masked_patch_loss_divides_by_the_given_number_of_masked_patches(patches):
    pred, target, mask, valid = patches
    mask[0] = torch.tensor([1.0, 1.0, 1.0, 0.0])
    by_own_number = masked_patch_loss(pred, target, mask, valid)
    by_given_number = masked_patch_loss(pred, target, mask, valid, num_masked=2.5)
    assert_close(2.5 * by_given_number, torch.tensor([3.0, 2.0]) * by_own_number)


def test_reconstruction_losses_of_a_sample_do_not_depend_on_other_samples(patches):
    pred, target, mask, valid = patches
    alone = [masked_patch_loss(*(part[b : b + 1] for part in (pred, target, mask)), valid) for b in range(2)]
    assert_close(masked_patch_loss(pred, target, mask, valid), torch.cat(alone))
    signal = torch.randn(2, 9)
    waveform_losses = [waveform_loss(pred[0][b : b + 1], target[0][b : b + 1]) for b in range(4)]
    assert_close(waveform_loss(pred[0], target[0]), torch.cat(waveform_losses))
    assert waveform_loss(signal, signal).shape == (2,)


def test_losses_of_bfloat16_predictions_are_float32(patches):
    pred, target, mask, valid = patches
    loss = masked_patch_loss(pred.bfloat16(), target.bfloat16(), mask, valid)
    assert loss.dtype == torch.float32
    assert waveform_loss(pred[0].bfloat16(), target[0]).dtype == torch.float32
    assert_close(loss, masked_patch_loss(pred.bfloat16().float(), target.bfloat16().float(), mask, valid))


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (250.0, -40.0), (1e-3, 3.0)])
def test_waveform_loss_is_the_mean_squared_error_against_the_standardised_signal(gain, offset):
    signal, pred = torch.randn(2, 3, 100)
    standardised = (signal - signal.mean(-1, keepdim=True)) / signal.std(-1, keepdim=True)
    # Adding 3 to a signal of amplitude 1e-3 loses four of the seven digits of float32.
    torch.testing.assert_close(
        waveform_loss(pred, gain * signal + offset), (pred - standardised).square().mean(1), rtol=1e-3, atol=0
    )
    # The tolerance is the square of an error of 3e-4 per value.
    assert waveform_loss(standardised, gain * signal + offset).tolist() == pytest.approx([0] * 3, abs=1e-7)


def test_waveform_loss_treats_a_constant_signal_as_zero():
    pred = torch.randn(2, 50)
    assert_close(waveform_loss(pred, torch.full((2, 50), 4.2)), pred.square().mean(1))


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_integer_sample_weights_equal_repeated_samples(label_smoothing):
    logits, labels = torch.randn(5, 3), torch.tensor([0, 2, 1, 1, 0])
    counts = torch.tensor([1, 3, 0, 2, 4])
    repeated = F.cross_entropy(
        logits.repeat_interleave(counts, 0), labels.repeat_interleave(counts), label_smoothing=label_smoothing
    )
    weights = counts / counts.float().mean()
    assert_close(weighted_cross_entropy(logits, labels, weights, label_smoothing).mean(), repeated)


def test_weighted_cross_entropy_of_a_sample_does_not_depend_on_its_batch():
    logits, labels, weights = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2]), torch.tensor([4.0, 1, 1, 0, 0, 0])
    whole = weighted_cross_entropy(logits, labels, weights)
    halves = [weighted_cross_entropy(logits[i : i + 3], labels[i : i + 3], weights[i : i + 3]) for i in (0, 3)]
    assert_close(torch.cat(halves), whole)


@pytest.mark.parametrize("with_validity", [False, True])
def test_gradient_of_masked_patch_loss_agrees_with_autograd(patches, with_validity):
    pred, target, mask, valid = patches
    weight = mask[..., None] * (valid / valid.sum(-1, keepdim=True) if with_validity else torch.tensor(1 / 8))
    pred.requires_grad_()
    losses, loss_weights = ((pred - target) ** 2 * weight).sum((1, 2)) / mask.sum(1), torch.tensor([3.0, -0.5])
    (expected,) = torch.autograd.grad(loss_weights @ losses, pred)
    (loss_weights @ masked_patch_loss(pred, target, mask, valid if with_validity else None)).backward()
    assert_close(pred.grad, expected)


def test_valid_values_may_differ_between_samples(patches):
    pred, target, mask, valid = patches
    ids = torch.tensor([[3, 0], [1, 3]])
    rows = torch.arange(2)[:, None]
    selected = masked_patch_loss(pred[rows, ids], target[rows, ids], mask[rows, ids], valid[ids])
    selected_mask = torch.zeros_like(mask).scatter(1, ids, 1.0) * mask
    assert_close(selected, masked_patch_loss(pred, target, selected_mask, valid))


def test_masked_patch_loss_is_zero_without_masked_patches(patches):
    pred, target, mask, _ = patches
    assert masked_patch_loss(pred, target, torch.zeros_like(mask)).tolist() == [0, 0]


@pytest.mark.parametrize("n_timepoints", [12, 10])
def test_waveform_loss_of_selected_columns_uses_only_their_samples(n_timepoints):
    signal, pred, columns = torch.randn(2, n_timepoints), torch.randn(2, 3, 4), torch.tensor([[2, 0], [1, 2]])
    rows = torch.arange(2)[:, None]
    target = (signal - signal.mean(-1, keepdim=True)) / signal.std(-1, keepdim=True)
    error = torch.full((2, 12), torch.nan)
    error[:, :n_timepoints] = (pred.flatten(1)[:, :n_timepoints] - target) ** 2
    expected = error.unflatten(1, (3, 4))[rows, columns].nanmean((1, 2))
    assert_close(waveform_loss(pred[rows, columns], signal, columns), expected)


def test_masked_patch_loss_is_differentiable_twice_in_prediction_and_target(patches):
    pred, target, mask, valid = patches
    pred, target = pred.double().requires_grad_(), target.double().requires_grad_()
    # Finite differences need float64. `masked_patch_loss` converts its arguments to float32, so this test bypasses it.
    weight = (mask / mask.sum()).double()
    assert torch.autograd.gradcheck(lambda p, t: _SquaredError.apply(p, t, weight, valid.double()), (pred, target))
    assert torch.autograd.gradgradcheck(lambda p, t: _SquaredError.apply(p, t, weight, valid.double()), (pred, target))
