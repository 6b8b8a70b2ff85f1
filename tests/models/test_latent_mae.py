"""Tests of the pretext task with latent targets."""

from __future__ import annotations

import copy

import pytest
import torch

from sktsmae.models import CWT_MAE_RoPE, LatentMAE


@pytest.fixture
def model(small):
    return LatentMAE(**small)


@pytest.fixture
def x():
    return torch.randn(6, 130)


def step(model, x):
    """Train the student for one step."""
    optimizer = torch.optim.SGD([weights for weights in model.parameters() if weights.requires_grad], lr=0.1)
    model.train()
    model.signal_losses(x).mean().backward()
    optimizer.step()


def test_student_and_teacher_start_with_equal_weights(model, same_weights):
    assert same_weights(model.student, model.encoder)


def test_gradients_reach_the_student_but_not_the_teacher(model, x):
    model.train().signal_losses(x).mean().backward()
    assert all(weights.grad is None for weights in model.encoder.parameters())
    assert all(weights.grad is not None and weights.grad.any() for weights in model.student.blocks.parameters())


def test_reconstruction_loss_trains_only_the_decoder(model, x):
    model.train()
    out = model.reconstruct(model.scalogram(x))
    CWT_MAE_RoPE.channel_losses(model, out, x).mean().backward()
    assert all(weights.grad is None for weights in model.student.parameters())
    assert model.decoder.mask_token.grad is not None


def test_teacher_is_a_moving_average_of_the_student(model, x):
    step(model, x)
    before, student = (weights.clone() for weights in (model.encoder.pos_embed, model.student.pos_embed))
    assert not torch.equal(before, student)
    model.signal_losses(x)
    torch.testing.assert_close(model.encoder.pos_embed, torch.lerp(before, student, 0.002))


def test_evaluation_uses_the_teacher_and_does_not_change_it(model, x, same_weights):
    step(model, x)
    model.eval()
    teacher = copy.deepcopy(model.encoder)
    losses = model.signal_losses(x, {"noise": torch.rand(6, model.encoder.num_patches)})
    assert losses.shape == (6,)
    assert same_weights(model.encoder, teacher)
    assert model.visible_encoder is model.encoder


def test_targets_are_standardised_and_describe_all_patches(model, x):
    targets = model.latent_targets(model.scalogram(x))
    assert targets.shape == (6, model.encoder.num_patches, model.encoder.embed_dim)
    torch.testing.assert_close(targets.mean(-1), torch.zeros(targets.shape[:2]), atol=1e-5, rtol=0)


def test_loss_counts_only_masked_patches_of_the_decoded_columns(small, x):
    model = LatentMAE(**small, decode_ratio=0.5).train()
    drawn = model.draw(6)
    out = model.reconstruct(model.scalogram(x), drawn["noise"], drawn["columns"])
    assert out.mask.shape == (6, 3 * out.columns.shape[1])
    latent = model.channel_losses(out, x) - CWT_MAE_RoPE.channel_losses(model, out, x)
    assert (latent > 0).all()
    unmasked = out._replace(mask=torch.zeros_like(out.mask))
    torch.testing.assert_close(model.channel_losses(unmasked, x), CWT_MAE_RoPE.channel_losses(model, unmasked, x))


def test_training_lowers_the_latent_loss(small, x):
    model = LatentMAE(**small).train()
    optimizer = torch.optim.AdamW([weights for weights in model.parameters() if weights.requires_grad], lr=3e-3)

    def latent_loss():
        noise = torch.rand(6, model.encoder.num_patches, generator=torch.Generator().manual_seed(0))
        out = model.reconstruct(model.scalogram(x), noise)
        return (model.channel_losses(out, x) - CWT_MAE_RoPE.channel_losses(model, out, x)).mean()

    before = float(latent_loss().detach())
    for _ in range(60):
        optimizer.zero_grad()
        model.signal_losses(x).mean().backward()
        optimizer.step()
    assert float(latent_loss().detach()) < 0.8 * before


def test_weights_of_another_encoder_are_loaded_into_student_and_teacher(model, small, same_weights):
    other = CWT_MAE_RoPE(**small)
    model.load_encoder(other.state_dict(), "test")
    assert same_weights(model.student, other.encoder)
    assert same_weights(model.encoder, other.encoder)
