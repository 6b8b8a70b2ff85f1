"""Tests of the classifier `TF_MAE_Classifier`: construction, fine-tuning at another length, and invalid settings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from sktsmae.models import (
    CWT_MAE_RoPE,
    LatentReasoningHead,
    ResidualMLPHead,
    SignalClassifier,
    SignalEncoder,
    TF_MAE_Classifier,
    save_mae,
)
from sktsmae.models.positions import resample_pos_embed

ROPES_AND_HEADS = [(rope, use_cot) for rope in ("axial", "raster") for use_cot in (True, False)]


def test_small_classifier_loads_the_encoder_of_a_pth_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    model = CWT_MAE_RoPE(signal_len=300, embed_dim=48)
    torch.save({"model": model.state_dict()}, "checkpoints/mae_epoch_100.pth")
    classifier = TF_MAE_Classifier(
        pretrained_path="checkpoints/mae_epoch_100.pth",
        num_classes=10,
        embed_dim=48,
        use_cot=True,
        num_reasoning_tokens=16,
        signal_len=300,
    )
    logits = classifier(torch.randn(16, 300))
    assert logits.shape == (16, 10)
    assert_close(classifier.encoder.state_dict(), model.encoder.state_dict(), rtol=0, atol=0)


@pytest.mark.slow
def test_classifier_of_default_size_loads_a_pth_file_and_returns_finite_logits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checkpoint = tmp_path / "checkpoints" / "mae_epoch_100.pth"
    checkpoint.parent.mkdir()
    model = CWT_MAE_RoPE(signal_len=3000, cwt_scales=64, mask_ratio=0.75)
    torch.save({"model": model.state_dict()}, checkpoint)
    classifier = TF_MAE_Classifier(
        pretrained_path="checkpoints/mae_epoch_100.pth",
        num_classes=10,
        embed_dim=768,
        use_cot=True,
        num_reasoning_tokens=16,
    )
    checkpoint.unlink()  # it has a size of 400 MB
    with torch.no_grad():
        logits = classifier(torch.randn(16, 3000))
    assert logits.shape == (16, 10)
    assert torch.isfinite(logits).all()


def test_classifier_has_no_decoder(small):
    model = TF_MAE_Classifier(None, num_classes=3, **small)
    names = [name for name, _ in model.named_parameters()] + [name for name, _ in model.named_modules()]
    assert {name.split(".")[0] for name in names if name} == {"signal_encoder", "head"}
    assert not [name for name in [*names, *model.state_dict()] if "decoder" in name or "mask_token" in name]


@pytest.mark.parametrize(("use_cot", "head"), [(True, LatentReasoningHead), (False, ResidualMLPHead)])
def test_head_is_built_from_its_settings(small_encoder, use_cot, head):
    sizes = {"num_reasoning_tokens": 3, "num_res_blocks": 1, "hidden_dim": 20, "dropout": 0.3}
    model = TF_MAE_Classifier(None, num_classes=7, use_cot=use_cot, **sizes, **small_encoder)
    assert type(model.head) is head
    assert model.head.classifier.out_features == 7
    assert model.head.dropout.p == 0.3
    if use_cot:
        assert model.head.reasoning_tokens.shape == (1, 3, 16)
        assert model.head.cross_attn.num_heads == model.encoder.num_heads
    else:
        assert len(model.head.blocks) == 1
        assert model.head.proj.out_features == 20


def test_head_receives_the_patch_tokens_of_all_channels_without_class_tokens(small_encoder):
    model = TF_MAE_Classifier(None, num_classes=3, **small_encoder).eval()
    x = torch.randn(2, 4, 130)
    received = {}
    model.head.register_forward_pre_hook(lambda _, args: received.update(tokens=args[0]))
    model(x)
    channels = [model.signal_encoder(x[:, m])[:, 0, 1:] for m in range(4)]
    assert received["tokens"].shape == (2, 4 * 21, 16)
    assert_close(received["tokens"], torch.cat(channels, 1))


@pytest.mark.parametrize("use_cot", [True, False])
def test_order_of_the_channels_does_not_change_the_logits(small_encoder, use_cot):
    model = TF_MAE_Classifier(None, num_classes=3, use_cot=use_cot, **small_encoder).eval()
    x = torch.randn(2, 4, 130)
    assert_close(model(x[:, [2, 0, 3, 1]]), model(x))
    assert_close(model(x[:, :1]), model(x[:, 0]))


def test_spectrogram_gives_the_same_logits_as_its_signals(small_encoder):
    model = TF_MAE_Classifier(None, num_classes=3, **small_encoder).eval()
    x = torch.randn(2, 4, 130)
    assert_close(model(model.scalogram.transform(x).flatten(1, 2)), model(x))


@pytest.mark.parametrize(("rope", "use_cot"), ROPES_AND_HEADS)
def test_every_weight_gets_a_gradient(small_encoder, rope, use_cot):
    model = TF_MAE_Classifier(None, num_classes=3, use_cot=use_cot, dropout=0.0, rope=rope, **small_encoder)
    model(torch.randn(6, 130)).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert model.encoder.pos_embed.grad.abs().amax(-1).min() > 0  # at every position


@pytest.mark.parametrize(("rope", "use_cot"), ROPES_AND_HEADS)
def test_random_labels_of_one_batch_can_be_memorised(rope, use_cot):
    settings = {"signal_len": 64, "cwt_scales": 8, "patch_size_time": 16, "embed_dim": 16, "depth": 1, "num_heads": 2}
    model = TF_MAE_Classifier(None, num_classes=3, use_cot=use_cot, hidden_dim=32, dropout=0.0, rope=rope, **settings)
    x, y = torch.randn(16, 64), torch.randint(0, 3, (16,))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    assert (model.eval()(x).argmax(1) == y).all()


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("signal_len", [6000, 1000, 1010])
def test_fine_tuning_at_another_length_resamples_pos_embed_over_time(tmp_path, small, suffix, signal_len):
    settings = {**small, "signal_len": 3000, "patch_size_time": 50}
    model, path = CWT_MAE_RoPE(**settings), tmp_path / f"mae{suffix}"
    model(torch.randn(2, 3000))[0].backward()
    if suffix == ".pth":
        torch.save(model.state_dict(), path)
        classifier = TF_MAE_Classifier(path, num_classes=3, **{**settings, "signal_len": signal_len})
    else:
        save_mae(model, path)
        classifier = TF_MAE_Classifier(path, num_classes=3, signal_len=signal_len)
    columns = -(-signal_len // 50)
    old, new = model.encoder.pos_embed, classifier.encoder.pos_embed
    assert classifier.encoder.grid_size == (3, columns)
    assert torch.equal(new[:, 0], old[:, 0])
    assert_close(new, nn.Parameter(resample_pos_embed(old, (3, 60), (3, columns))))
    for row in range(3):  # each row of patches depends only on the same row
        old_row = torch.cat((old[:, :1], old[:, 1:].unflatten(1, (3, 60))[:, row]), 1)
        assert_close(
            new[:, 1:].unflatten(1, (3, columns))[:, row], resample_pos_embed(old_row, (1, 60), (1, columns))[:, 1:]
        )
    logits = classifier(torch.randn(2, signal_len))
    logits.square().sum().backward()
    assert logits.shape == (2, 3)
    assert classifier.encoder.pos_embed.grad.any()


@pytest.mark.parametrize("container", [tuple, list, np.array])
def test_scales_of_the_checkpoint_may_be_given_as_tuple_list_or_array(tmp_path, small, container):
    save_mae(CWT_MAE_RoPE(**{**small, "cwt_scales": (1.0, 2.5, 7.0)}), tmp_path / "mae.safetensors")
    classifier = TF_MAE_Classifier(tmp_path / "mae.safetensors", num_classes=3, cwt_scales=container([1.0, 2.5, 7.0]))
    assert classifier.scalogram.scales.tolist() == [1.0, 2.5, 7.0]


def test_settings_are_read_from_the_checkpoint(tmp_path, small):
    model = CWT_MAE_RoPE(**{**small, "cwt_scales": (1.0, 2.5, 7.0), "diff_orders": (0, 2), "rope": "raster"})
    save_mae(model, tmp_path / "mae.safetensors")
    classifier = TF_MAE_Classifier(tmp_path / "mae.safetensors", num_classes=3)
    assert classifier.scalogram.scales.tolist() == [1.0, 2.5, 7.0]
    assert classifier.scalogram.diff_orders == (0, 2)
    assert classifier.encoder.positions.shape[1] == 1
    assert_close(classifier.encoder.state_dict(), model.encoder.state_dict(), rtol=0, atol=0)
    assert classifier(torch.randn(2, 130)).shape == (2, 3)


def test_signal_of_one_patch_can_be_classified(small_encoder):
    # An autoencoder needs two patches, one visible and one masked. A classifier does not mask patches.
    model = TF_MAE_Classifier(None, num_classes=3, **{**small_encoder, "cwt_scales": 4, "signal_len": 20})
    assert model(torch.randn(2, 20)).shape == (2, 3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rope": "spiral"}, ["rope='spiral'"]),
        ({"embed_dim": 16, "num_heads": 3}, ["embed_dim=16", "num_heads=3"]),
        ({"embed_dim": 12, "num_heads": 2}, ["embed_dim", "num_heads", "6"]),
        ({"diff_orders": (0, 3)}, ["diff_orders=", "0, 3"]),
        ({"cwt_scales": (2.0, 1.0)}, ["cwt_scales=", "2.0, 1.0"]),
    ],
)
def test_error_names_invalid_settings(small_encoder, changes, words):
    with pytest.raises(ValueError, match="".join(f"(?=.*{word})" for word in words)):  # the message contains all words
        TF_MAE_Classifier(None, num_classes=3, **{**small_encoder, **changes})


def test_patch_dropout_drops_patches_in_training_only():
    signal_encoder = SignalEncoder.from_settings(signal_len=100, cwt_scales=16, embed_dim=16, depth=1, num_heads=2)
    num_patches = signal_encoder.encoder.num_patches
    model, x = SignalClassifier(signal_encoder, nn.Identity(), patch_drop_rate=0.75), torch.randn(2, 3, 100)
    everything = model.eval().tokens(x)
    assert everything.shape == (2, 3 * num_patches, 16)
    kept = model.train().tokens(x).unflatten(1, (3, -1))
    assert kept.shape == (2, 3, num_patches // 4, 16)
    assert_close(model.eval().tokens(x), everything, rtol=0, atol=0)


def test_a_patch_is_always_kept():
    signal_encoder = SignalEncoder.from_settings(signal_len=30, cwt_scales=4, embed_dim=16, depth=1, num_heads=2)
    assert signal_encoder.encoder.num_patches == 1
    model = SignalClassifier(signal_encoder, nn.Identity(), patch_drop_rate=0.9)
    assert model.train().tokens(torch.randn(2, 30)).shape == (2, 1, 16)


def test_patches_that_are_kept_have_their_own_positions():
    settings = {"signal_len": 100, "cwt_scales": 16, "embed_dim": 16, "depth": 1, "num_heads": 2}
    signal_encoder, x = SignalEncoder.from_settings(**settings), torch.randn(2, 3, 100)
    ids = torch.stack([torch.randperm(signal_encoder.encoder.num_patches) for _ in x])
    expected = signal_encoder(x)[:, :, 1:].take_along_dim(ids[:, None, :, None], dim=2)
    assert_close(signal_encoder(x, ids)[:, :, 1:], expected, rtol=1e-4, atol=1e-4)
