"""Tests of pretrainers that mix channels, and of classifiers that use their encoders."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator

from sktsmae import MAEClassifier, MAEPretrainer
from sktsmae.datasets import load_sparwatch

KINDS = ["cls", "tokens"]
SMALL = {"cwt_scales": 8, "embed_dim": 16, "depth": 3, "num_heads": 2, "decoder_embed_dim": 16}
QUICK = {"max_epochs": 1, "batch_size": 16, "random_state": 0, "device": "cpu"}


@pytest.fixture(scope="module")
def X() -> np.ndarray:
    return load_sparwatch().data[::40, :3]


@pytest.mark.parametrize("kind", KINDS)
def test_new_mixing_does_not_change_the_shipped_features_before_training(kind, X):
    pretrainer = MAEPretrainer(
        channel_mixing=kind, max_epochs=0, pooling="mean", readout_layers=[4], random_state=0
    ).fit(X)
    shipped = MAEPretrainer(max_epochs=0, pooling="mean", readout_layers=[4], random_state=0).fit(X)
    # sums in another order
    np.testing.assert_allclose(pretrainer.transform(X), shipped.transform(X), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_training_continues_from_the_shipped_encoder_and_trains_the_mixing(kind, X):
    pretrainer = MAEPretrainer(channel_mixing=kind, **QUICK).fit(X)
    assert pretrainer.encoder_.embed_dim == MAEPretrainer.from_pretrained().encoder_.embed_dim
    changed = X[:8].copy()
    changed[:, 2] = X[8:16, 2]
    difference = pretrainer.transform(changed) - pretrainer.transform(X[:8])
    assert np.abs(difference[:, : difference.shape[1] // 3]).max() > 0  # features of the first channel


@pytest.mark.parametrize("kind", KINDS)
def test_file_keeps_the_mixing(kind, X, tmp_path):
    pretrainer = MAEPretrainer(channel_mixing=kind, channel_layout="ring", **SMALL, **QUICK).fit(X)
    pretrainer.save(tmp_path / "encoder.safetensors")
    loaded = MAEPretrainer.load(tmp_path / "encoder.safetensors")
    assert (loaded.channel_mixing, loaded.channel_layout) == (kind, "ring")
    np.testing.assert_array_equal(loaded.transform(X), pretrainer.transform(X))
    continued = MAEPretrainer(init=tmp_path / "encoder.safetensors", max_epochs=0, random_state=0).fit(X)
    assert continued.model_.settings["channel_mixing"] == kind


@pytest.mark.parametrize("finetune", ["none", "full", "head", "lora", 1])
def test_classifier_may_have_another_number_of_channels_than_the_pretrainer(finetune, X):
    pretrainer = MAEPretrainer(channel_mixing="tokens", **SMALL, **QUICK).fit(X)
    frozen = FrozenEstimator(pretrainer)
    pair, y = X[:, :2], np.arange(len(X)) % 2
    settings = {} if finetune == "none" else {"max_epochs": 1, "probe": False}
    classifier = MAEClassifier(pretrainer=frozen, finetune=finetune, random_state=0, **settings).fit(pair, y)
    dead = pair.copy()
    dead[0, 1] = np.nan
    with pytest.warns(UserWarning, match="1 of .* signals"):
        assert np.isfinite(classifier.predict_proba(dead)).all()


def test_layout_without_mixing_has_no_effect_and_warns(X):
    with pytest.warns(UserWarning, match="channel_layout='ring' has no effect with channel_mixing='none'"):
        MAEPretrainer(channel_layout="ring", **QUICK | {"max_epochs": 0}).fit(X)


def test_mixing_of_an_encoder_of_one_block_is_refused(X):
    with pytest.raises(ValueError, match="depth=1; give depth=3 or more"):
        MAEPretrainer(channel_mixing="cls", **{**SMALL, "depth": 1}, **QUICK).fit(X)


@pytest.mark.parametrize("kind", KINDS)
def test_decisions_of_a_classifier_with_mixing_are_explained(kind, X):
    pretrainer = MAEPretrainer(channel_mixing=kind, **SMALL, **QUICK)
    settings = {"finetune": "head", "probe": False, "max_epochs": 1, "random_state": 0}
    classifier = MAEClassifier(pretrainer=pretrainer, **settings).fit(X, np.arange(len(X)) % 2)
    relevance = classifier.explain(X[:2])
    assert relevance.shape == (2, 3, 8, 200)
    np.testing.assert_allclose(relevance.sum((1, 2, 3)), 1, rtol=1e-5)


@pytest.mark.parametrize("finetune", ["full", "lora", 1])
def test_fine_tuning_trains_new_layers_that_mix_channels(finetune, X):
    pretrainer = MAEPretrainer(channel_mixing="tokens", **{**SMALL, "depth": 4}, **{**QUICK, "max_epochs": 0})
    settings = {"probe": False, "max_epochs": 1, "random_state": 0}
    classifier = MAEClassifier(pretrainer=pretrainer, finetune=finetune, **settings).fit(X, np.arange(len(X)) % 2)
    last = classifier.encoder_.mixing["3"].attn.proj.weight
    assert last.abs().max() > 0  # the initial weights are zeros


def test_reconstruction_does_not_attend_to_a_channel_without_values(X):
    pretrainer = MAEPretrainer(channel_mixing="tokens", **SMALL, **{**QUICK, "max_epochs": 0}).fit(X)
    for mixing in pretrainer.encoder_.mixing.values():
        torch.nn.init.xavier_uniform_(mixing.attn.proj.weight)
    dead = X[:2].copy()
    dead[:, 2] = np.nan
    with pytest.warns(UserWarning, match="2 of 2 signals"):
        reconstructed = pretrainer.reconstruct(dead).signal_pred
    images = pretrainer.model_.scalogram(torch.from_numpy(dead).float())
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(pretrainer.seed_)
        expected = pretrainer.model_.reconstruct(images, missing=torch.tensor([[False, False, True]] * 2)).pred_time
    np.testing.assert_allclose(reconstructed, expected.unflatten(0, (2, 3)), atol=1e-5)  # rounding


def test_mixing_of_one_channel_has_no_effect_and_warns(X):
    with pytest.warns(UserWarning, match="channel_mixing='tokens' has no effect with one channel in X"):
        MAEPretrainer(channel_mixing="tokens", **SMALL, **QUICK).fit(X[:, 0])
