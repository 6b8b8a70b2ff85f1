"""Tests of the masked autoencoder `CWT_MAE_RoPE`: losses, masks, gradients and invalid settings."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from sktsmae.functional.patches import patchify
from sktsmae.functional.standardization import standardize
from sktsmae.models import CWT_MAE_RoPE


def test_small_model_returns_loss_patches_waveforms_and_images():
    model = CWT_MAE_RoPE(signal_len=300, cwt_scales=64, mask_ratio=0.75, embed_dim=48, depth=2, num_heads=4)
    loss, pred_spec, pred_time, imgs = model(torch.randn(4, 300))
    assert loss.shape == ()
    assert loss > 0
    assert pred_spec.shape == (4, 16 * 6, 3 * 4 * 50)
    assert pred_time.shape == (4, 300)
    assert imgs.shape == (4, 3, 64, 300)


@pytest.mark.slow
def test_default_model_has_the_documented_size_and_output_shapes():
    model = CWT_MAE_RoPE(signal_len=3000, cwt_scales=64, mask_ratio=0.75)
    with torch.no_grad():  # gradients would need tens of gigabytes of stored activations
        loss, pred_spec, pred_time, imgs = model(torch.randn(32, 3000))
    assert torch.isfinite(loss)
    assert pred_spec.shape == (32, 960, 600)
    assert pred_time.shape == (32, 3000)
    assert imgs.shape == (32, 3, 64, 3000)
    expected = {"embed_dim": 768, "depth": 12, "num_heads": 12, "mlp_rank_ratio": 0.5, "time_loss_weight": 1.0}
    expected |= {"decoder_embed_dim": 512, "decoder_depth": 8, "decoder_num_heads": 16}
    assert expected.items() <= model.settings.items()


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_loss_is_the_weighted_sum_of_spectrogram_and_waveform_losses(small, weight):
    model, x, noise = CWT_MAE_RoPE(**small, time_loss_weight=weight), torch.randn(3, 130), torch.rand(3, 21)
    loss_spec, loss_time = model.losses(model.reconstruct(model.scalogram(x), noise), x)
    assert_close(model(x, noise)[0], (loss_spec + weight * loss_time).mean())


def test_losses_are_squared_errors_of_masked_patches_and_of_the_standardised_signal(small):
    model, x = CWT_MAE_RoPE(**small), 5 + 3 * torch.randn(3, 130)
    out = model.reconstruct(model.scalogram(x), torch.rand(3, 21))
    # The patches cover 12 x 140 points. The points outside the 10 x 130 image are padding.
    inside = patchify(torch.ones(3, 3, 10, 130), (4, 20)) == 1
    error = (out.pred_spec - out.target).square()
    patch_losses = [error[b, n][inside[b, n]].mean() for b, n in out.mask.nonzero().tolist()]
    loss_spec, loss_time = model.losses(out, x)
    assert_close(loss_spec, torch.stack(patch_losses).unflatten(0, (3, -1)).mean(1))  # 16 masked patches per signal
    assert_close(loss_time, (out.pred_time - standardize(x, -1)).square().mean(1))


def test_noise_determines_the_mask(small):
    model, x, noise = CWT_MAE_RoPE(**small).eval(), torch.randn(3, 130), torch.rand(3, 21)
    first, second, other = (model(x, n)[0] for n in (noise, noise, noise.flip(1)))
    assert torch.equal(first, second)
    assert first != other
    torch.manual_seed(1)
    expected = model(x)[0]
    torch.manual_seed(1)
    assert torch.equal(model(x, torch.rand(3, 21))[0], expected)


@pytest.mark.parametrize(("mask_ratio", "num_visible"), [(0.75, 5), (0.5, 10), (0.9, 2)])
def test_mask_ratio_sets_the_number_of_visible_patches(small, mask_ratio, num_visible):
    model = CWT_MAE_RoPE(**small, mask_ratio=mask_ratio)
    out = model.reconstruct(model.scalogram(torch.randn(3, 130)))
    assert out.latent.shape == (3, 1 + num_visible, 16)
    assert out.mask.sum(1).tolist() == [21 - num_visible] * 3
    assert model.settings["mask_ratio"] == mask_ratio


def test_masked_patches_do_not_influence_the_prediction(small):
    model, noise = CWT_MAE_RoPE(**small).eval(), torch.rand(3, 21)
    image = model.scalogram(torch.randn(3, 130))
    out = model.reconstruct(image, noise)
    visible = (1 - out.mask).reshape(3, 1, 3, 7).repeat_interleave(4, 2).repeat_interleave(20, 3)[..., :10, :130]
    changed = model.reconstruct(torch.where(visible == 1, image, torch.randn_like(image)), noise)
    assert torch.equal(changed.latent, out.latent)
    assert torch.equal(changed.pred_spec, out.pred_spec)
    assert torch.equal(changed.pred_time, out.pred_time)


@pytest.mark.parametrize("rope", ["axial", "raster"])
def test_channels_are_processed_independently(small, rope):
    model, x, noise = CWT_MAE_RoPE(**small, rope=rope).eval(), torch.randn(2, 3, 130), torch.rand(2, 3, 21)
    loss, pred_spec, pred_time, imgs = model(x, noise)
    assert pred_spec.shape == (2, 3, 21, 240)
    assert pred_time.shape == (2, 3, 130)
    assert imgs.shape == (2, 3, 3, 10, 130)
    losses = []
    for channel in range(3):
        alone = model(x[:, channel], noise[:, channel])
        losses.append(alone[0])
        assert_close(pred_spec[:, channel], alone[1])
        assert_close(pred_time[:, channel], alone[2])
        assert_close(imgs[:, channel], alone[3])
    assert_close(loss, torch.stack(losses).mean())


def test_spectrogram_gives_the_same_predictions_as_its_signal(small):
    model, x, noise = CWT_MAE_RoPE(**small).eval(), torch.randn(2, 3, 130), torch.rand(2, 3, 21)
    spectrogram = model.scalogram.transform(x).flatten(1, 2)
    assert spectrogram.shape == (2, 9, 10, 130)
    images = [model.scalogram(signal).flatten(0, 1) for signal in (x, spectrogram)]
    latents = [model.reconstruct(image, noise.flatten(0, 1)).latent for image in images]
    assert_close(*latents)
    for found, expected in zip(model(spectrogram, noise)[1:], model(x, noise)[1:], strict=True):
        assert_close(found, expected)


def test_waveform_target_of_a_spectrogram_is_the_finest_scale_of_the_first_view(small):
    model, spectrogram, noise = CWT_MAE_RoPE(**small).eval(), torch.randn(2, 6, 10, 130), torch.rand(2, 2, 21)
    image = model.scalogram(spectrogram).flatten(0, 1)
    _, loss_time = model.losses(model.reconstruct(image, noise.flatten(0, 1)), spectrogram)
    _, _, pred_time, _ = model(spectrogram, noise)
    target = standardize(spectrogram[:, [0, 3], 0], -1)  # views 0 and 3 are the first views of the two channels
    assert_close(loss_time, (pred_time - target).square().mean(-1).flatten())


@pytest.mark.parametrize("rope", ["axial", "raster"])
def test_every_weight_gets_a_gradient(small, rope):
    model = CWT_MAE_RoPE(**small, rope=rope)
    model(torch.randn(3, 130), torch.rand(3, 21))[0].backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("rope", ["axial", "raster"])
def test_one_batch_can_be_memorised(rope):
    model = CWT_MAE_RoPE(
        signal_len=64,
        cwt_scales=8,
        patch_size_time=16,
        embed_dim=32,
        depth=1,
        num_heads=2,
        decoder_embed_dim=32,
        decoder_depth=1,
        decoder_num_heads=2,
        rope=rope,
    )
    x, noise = torch.randn(4, 64), torch.rand(4, 8)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    image, initial_loss = model.scalogram(x), None
    for _ in range(150):
        loss_spec, loss_time = (losses.mean() for losses in model.losses(model.reconstruct(image, noise), x))
        initial_loss = initial_loss or loss_spec.item()
        optimizer.zero_grad()
        (loss_spec + loss_time).backward()
        optimizer.step()
    assert loss_spec.item() < 0.05 * initial_loss


@pytest.mark.parametrize("signal_len", [1, 7, 50, 51, 130])
def test_loss_is_finite_for_any_signal_len(small, signal_len):
    model = CWT_MAE_RoPE(**{**small, "signal_len": signal_len, "mask_ratio": 0.5})
    loss, _, pred_time, imgs = model(torch.randn(2, signal_len))
    assert torch.isfinite(loss)
    assert pred_time.shape == (2, signal_len)
    assert imgs.shape == (2, 3, 10, signal_len)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rope": "spiral"}, ["rope='spiral'"]),
        ({"embed_dim": 16, "num_heads": 3}, ["embed_dim=16", "num_heads=3"]),
        ({"embed_dim": 12, "num_heads": 2}, ["embed_dim", "num_heads", "6"]),
        ({"decoder_embed_dim": 16, "decoder_num_heads": 3}, ["decoder_embed_dim=16", "decoder_num_heads=3"]),
        ({"decoder_embed_dim": 18, "decoder_num_heads": 3}, ["decoder_embed_dim", "decoder_num_heads", "6"]),
        ({"diff_orders": (0, 3)}, ["diff_orders=", "0, 3"]),
        ({"cwt_scales": 0}, ["cwt_scales=0"]),
        ({"mask_ratio": 1.0}, ["mask_ratio=1.0"]),
        ({"mask_ratio": 0.99}, ["mask_ratio=0.99", "21"]),
        ({"signal_len": 0}, ["signal_len=0"]),
        ({"patch_size_time": 0}, ["patch_size_time=0"]),
        ({"depth": 0}, ["depth=0"]),
    ],
)
def test_error_names_invalid_settings(small, changes, words):
    with pytest.raises(ValueError, match="".join(f"(?=.*{word})" for word in words)):  # the message contains all words
        CWT_MAE_RoPE(**{**small, **changes})


@pytest.mark.parametrize("shape", [(3, 130), (3, 2, 130), (3, 6, 10, 130)])
def test_decode_ratio_sets_the_fraction_of_columns_decoded_in_training(small, shape):
    model, x = CWT_MAE_RoPE(**small, decode_ratio=0.5).train(), torch.randn(shape)
    rows, columns = model.encoder.grid_size
    num_decoded = round(0.5 * columns)
    leading_axes = (3,) if len(shape) == 2 else (3, 2)
    loss, pred_spec, pred_time, _ = model(x)
    loss.backward()
    assert pred_spec.shape[:-1] == (*leading_axes, rows * num_decoded)
    assert pred_time.shape == (*leading_axes, num_decoded, small["patch_size_time"])
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
    assert model.eval()(x)[2].shape == (*leading_axes, 130)


@pytest.mark.parametrize("signal_len", [130, 120])
def test_decoding_all_columns_in_random_order_does_not_change_the_losses(small, signal_len):
    model = CWT_MAE_RoPE(**{**small, "signal_len": signal_len})
    x, noise = torch.randn(5, signal_len), torch.rand(5, model.encoder.num_patches)
    expected = model.losses(model.reconstruct(model.scalogram(x), noise), x)
    columns = torch.rand(5, model.encoder.grid_size[1]).argsort(1)
    assert_close(model.losses(model.reconstruct(model.scalogram(x), noise, columns), x), expected)


@pytest.mark.parametrize("training", [True, False])
def test_draw_uses_the_same_random_numbers_as_forward(small, training):
    model = CWT_MAE_RoPE(**small, masking="mixed", decode_ratio=0.5).train(training)
    x = torch.randn(4, 2, 130)
    torch.manual_seed(0)
    expected = model(x)[0]
    torch.manual_seed(0)
    drawn = model.draw(8)
    assert drawn.keys() == ({"noise", "columns"} if training else {"noise"})
    assert torch.equal(model(x, **drawn)[0], expected)


def test_gradient_with_respect_to_the_signal_agrees_with_finite_differences(small):
    model = CWT_MAE_RoPE(**small)
    x, noise, direction = torch.randn(2, 130), torch.rand(2, 21), torch.randn(2, 130)
    (gradient,) = torch.autograd.grad(model(x.requires_grad_(), noise)[0], x)
    with torch.no_grad():
        step = 1e-2
        slope = (model(x + step * direction, noise)[0] - model(x - step * direction, noise)[0]) / (2 * step)
    # The rounding errors of float32 limit the accuracy of the finite difference.
    assert_close((gradient * direction).sum(), slope, rtol=0.02, atol=1e-3)


def test_mixed_masking_keeps_a_whole_row_in_a_quarter_of_the_images(small):
    model = CWT_MAE_RoPE(**{**small, "mask_ratio": 0.66}, masking="mixed")
    mask = model.reconstruct(model.scalogram(torch.randn(400, 130))).mask.unflatten(1, model.encoder.grid_size)
    whole_row_kept = (mask == 0).all(2).any(1).float().mean()
    # In a quarter of the images, the 7 visible patches are one row. In the others, this happens only by chance.
    assert 0.15 < whole_row_kept < 0.4


def test_resample_accepts_signals_of_any_length(small):
    model = CWT_MAE_RoPE(**small, resample=True)
    for length in (1, 50, 130, 400):
        loss, _, pred_time, imgs = model(torch.randn(2, length))
        assert imgs.shape[-1] == pred_time.shape[-1] == 130
        assert loss.isfinite()


@pytest.mark.parametrize(
    ("name", "value"),
    [("masking", "bands"), ("standardize", "column"), ("boundary", "wrap")],
)
def test_unknown_options_are_refused(small, name, value):
    with pytest.raises(ValueError, match=name):
        CWT_MAE_RoPE(**{**small, name: value})
