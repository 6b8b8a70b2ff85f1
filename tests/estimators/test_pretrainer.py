"""Tests of MAEPretrainer: embeddings, reconstructions, scores and warm starts."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktsmae import CWTTransformer, MAEPretrainer
from sktsmae.datasets import make_signals
from sktsmae.models import CWT_MAE_RoPE, Encoder


@pytest.fixture(scope="module")
def fitted_on_channels(new_pretrainer, X_channels) -> MAEPretrainer:
    """Return a pretrainer fitted on two channels. Tests must not change it."""
    return new_pretrainer().fit(X_channels)


@pytest.fixture(scope="module")
def untrained(new_pretrainer, X) -> MAEPretrainer:
    """Return a pretrainer with its initial weights. Tests must not change it."""
    return new_pretrainer(max_epochs=0).fit(X)


@pytest.fixture(scope="module")
def trained(new_pretrainer, X) -> MAEPretrainer:
    """Return a pretrainer trained for ten epochs. Tests must not change it."""
    return new_pretrainer(max_epochs=10, lr=0.003).fit(X)


@pytest.mark.parametrize("pooling", ["mean", "max", "cls"])
def test_each_channel_has_its_own_embedding(new_pretrainer, X_channels, pooling):
    pretrainer = new_pretrainer(pooling=pooling, max_epochs=0).fit(X_channels)
    both = pretrainer.transform(X_channels)
    assert both.shape == (41, 2 * 32)
    assert both.dtype == np.float32
    for channel in (0, 1):
        alone = new_pretrainer(pooling=pooling, max_epochs=0).fit(X_channels[:, channel])
        # Rounding errors of matrix products depend on the batch size.
        assert_allclose(alone.transform(X_channels[:, channel]), both[:, 32 * channel : 32 * (channel + 1)], atol=1e-5)


def test_mean_max_and_cls_pooling_give_different_embeddings(new_pretrainer, X):
    mean, maximum, cls = (
        new_pretrainer(pooling=pooling, max_epochs=0).fit(X).transform(X) for pooling in ("mean", "max", "cls")
    )
    assert (maximum > mean).all()
    assert not np.allclose(cls, mean)
    assert not np.allclose(cls, maximum)


def test_embedding_does_not_depend_on_the_batch(fitted_pretrainer, X):
    # Rounding errors of matrix products depend on the batch size.
    assert_allclose(fitted_pretrainer.transform(X[5:6]), fitted_pretrainer.transform(X)[5:6], atol=1e-5)


def test_pre_training_lowers_the_loss_and_changes_the_embeddings(trained, untrained, X):
    losses = [row["train_loss"] for row in trained.history_]
    assert losses[-1] < 0.75 * losses[0]
    assert trained.score(X) > 0.75 * untrained.score(X)  # scores are negative losses
    assert not np.allclose(trained.transform(X), untrained.transform(X), atol=0.1)


def test_classifier_on_embeddings_generalises_to_new_persons(new_pretrainer, many, new_persons):
    pipeline = make_pipeline(new_pretrainer(max_epochs=10), StandardScaler(), LogisticRegression(max_iter=1000))
    # Always predicting the largest class gives 0.19.
    assert pipeline.fit(many.data, many.target).score(new_persons.data, new_persons.target) > 0.35


def test_score_is_negative_and_repeatable(fitted_pretrainer, X):
    score = fitted_pretrainer.score(X)
    assert isinstance(score, float)
    assert score < 0
    assert fitted_pretrainer.score(X) == score


def test_network_and_encoder_are_attributes(fitted_pretrainer):
    assert isinstance(fitted_pretrainer.model_, CWT_MAE_RoPE)
    assert isinstance(fitted_pretrainer.encoder_, Encoder)
    assert not fitted_pretrainer.model_.training
    assert fitted_pretrainer.n_iter_ == len(fitted_pretrainer.history_) == 2


def test_embedding_columns_have_names(fitted_on_channels, X_channels):
    names = fitted_on_channels.get_feature_names_out()
    assert names.tolist() == [f"maepretrainer{index}" for index in range(64)]
    assert fitted_on_channels.transform(X_channels).shape[1] == 64


def test_reconstruction_contains_every_channel(fitted_on_channels, X_channels):
    result = fitted_on_channels.reconstruct(X_channels[:3])
    assert result.image.shape == result.image_pred.shape == (3, 2, 3, 16, 200)
    assert result.signal_pred.shape == (3, 2, 200)
    assert result.mask.shape == (3, 2, 16, 200)
    assert result.mask.dtype == bool
    images = CWTTransformer(cwt_scales=16, device="cpu").fit_transform(X_channels[:3]).reshape(3, 2, 3, 16, 200)
    # Rounding errors of Fourier transforms depend on the batch size.
    assert_allclose(result.image, images, atol=1e-5)


@pytest.mark.parametrize("mask_ratio", [0.25, 0.75])
def test_reconstruction_masks_whole_patches(new_pretrainer, X, mask_ratio):
    result = new_pretrainer(mask_ratio=mask_ratio, max_epochs=0).fit(X).reconstruct(X[:3])
    assert result.mask.shape == (3, 1, 16, 200)
    assert (result.mask.mean((1, 2, 3)) == mask_ratio).all()
    # Arrange the mask as 4 x 8 patches of 4 x 25 values.
    patches = result.mask.reshape(3, 4, 4, 8, 25).transpose(0, 1, 3, 2, 4).reshape(3, 32, 100)
    assert_array_equal(patches.min(-1), patches.max(-1))


def test_reconstruction_is_repeatable(trained, X):
    first, second = trained.reconstruct(X), trained.reconstruct(X)
    for name in ("image", "mask", "image_pred", "signal_pred"):
        assert_array_equal(first[name], second[name])


def test_training_lowers_the_reconstruction_error(trained, untrained, X):
    standardised_signals = StandardScaler().fit_transform(X.T).T[:, None]
    errors = []
    for pretrainer in (untrained, trained):
        result = pretrainer.reconstruct(X)
        masked = np.broadcast_to(result.mask[:, :, None], result.image.shape)
        image_error = np.square(result.image_pred - result.image)[masked].mean()
        errors.append((image_error, np.square(result.signal_pred - standardised_signals).mean()))
    assert errors[1][0] < 0.9 * errors[0][0]
    assert errors[1][1] < 0.75 * errors[0][1]


@pytest.mark.parametrize(
    ("params", "grid_size"),
    [
        ({"patch_size": "auto"}, (4, 16)),
        ({"patch_size": [8, 40]}, (2, 5)),
        ({"patch_size": (5, 30)}, (4, 7)),
        ({"patch_size": "auto", "cwt_scales": [1, 2, 4, 8]}, (4, 16)),
    ],
    ids=["auto", "without-padding", "with-padding", "auto-for-four-scales"],
)
def test_number_of_patches_follows_from_the_patch_size(new_pretrainer, X, params, grid_size):
    pretrainer = new_pretrainer(**params).fit(X)
    assert pretrainer.encoder_.grid_size == grid_size
    assert np.isfinite(pretrainer.history_[-1]["train_loss"])


@pytest.mark.parametrize(
    "params",
    [
        {"rope": "raster"},
        {"diff_orders": (0,)},
        {"mlp_rank_ratio": 2.0},
        {"decoder_depth": 2},
        {"time_loss_weight": 0},
        {"decode_ratio": 0.5},
    ],
    ids=lambda params: next(iter(params)),
)
def test_setting_changes_the_score(new_pretrainer, fitted_pretrainer, X, params):
    other = new_pretrainer(**params).fit(X)
    assert other.score(X) != fitted_pretrainer.score(X)


def test_warm_start_continues_from_the_existing_weights(new_pretrainer, X, same_weights):
    pretrainer = new_pretrainer(warm_start=True, max_epochs=8).fit(X)
    before = pretrainer.model_
    first_loss = pretrainer.history_[0]["train_loss"]
    assert same_weights(pretrainer.set_params(max_epochs=0).fit(X).model_, before)
    pretrainer.set_params(max_epochs=1).fit(X)
    assert pretrainer.history_[0]["train_loss"] < 0.8 * first_loss


def test_second_fit_without_warm_start_uses_new_weights(new_pretrainer, fitted_pretrainer, X, same_weights):
    assert same_weights(new_pretrainer().fit(X).fit(X).model_, fitted_pretrainer.model_)


def test_warm_start_with_another_architecture_is_refused(new_pretrainer, X, refused):
    pretrainer = new_pretrainer(warm_start=True, max_epochs=0).fit(X).set_params(embed_dim=16)
    with refused(pretrainer, "warm_start=True.*embed_dim was 32 and is 16"):
        pretrainer.fit(X)


def test_zero_epochs_leave_the_initial_weights(new_pretrainer, untrained, X, same_weights):
    assert untrained.n_iter_ == 0
    assert untrained.history_ == []
    assert same_weights(untrained.model_, new_pretrainer(max_epochs=0).fit(X[:10]).model_)
    assert untrained.transform(X).shape == (41, 32)


def test_parameters_may_be_numpy_numbers(new_pretrainer, fitted_pretrainer, X, same_weights, tmp_path):
    cwt_scales, embed_dim, depth, num_heads = np.array([16, 32, 1, 2])
    sizes = {"cwt_scales": cwt_scales, "embed_dim": embed_dim, "depth": depth, "num_heads": num_heads}
    pretrainer = new_pretrainer(**sizes, diff_orders=np.arange(3), mask_ratio=np.float32(0.75)).fit(X)
    assert same_weights(pretrainer.model_, fitted_pretrainer.model_)
    pretrainer.save(tmp_path / "mae.safetensors")
    loaded = MAEPretrainer.load(tmp_path / "mae.safetensors")
    assert_array_equal(loaded.transform(X), fitted_pretrainer.transform(X))


def test_refitting_on_arrays_removes_the_column_names(new_pretrainer, X, X_channels):
    pretrainer = new_pretrainer(max_epochs=0).fit(pd.DataFrame(X).add_prefix("t"))
    assert pretrainer.feature_names_in_[0] == "t0"
    assert not hasattr(pretrainer.fit(X_channels), "feature_names_in_")


def test_score_samples_returns_the_negative_loss_averaged_over_random_masks(fitted_pretrainer, X):
    model = fitted_pretrainer.model_.eval()
    generator = torch.Generator().manual_seed(0)
    # The masks are determined by sorting random numbers, one per patch.
    noises = [torch.rand(1, model.encoder.num_patches, generator=generator) for _ in range(3)]
    remaining_noises = iter(noises)
    original, model.draw = model.draw, lambda count, device=None: {"noise": next(remaining_noises)}
    try:
        scores = fitted_pretrainer.score_samples(X, n_draws=3)
    finally:
        model.draw = original
    with torch.inference_mode():
        x = torch.from_numpy(X.copy()).float()
        losses = torch.stack([model.signal_losses(x, {"noise": noise.repeat(len(x), 1)}) for noise in noises])
    assert_allclose(scores, -losses.mean(0), rtol=1e-5)


def test_score_of_a_sample_does_not_depend_on_other_samples(fitted_pretrainer, X):
    scores = fitted_pretrainer.score_samples(X)
    assert scores.shape == (41,)
    assert_allclose(fitted_pretrainer.score_samples(X[7:9]), scores[7:9], rtol=1e-5)
    assert_allclose(fitted_pretrainer.score_samples(X), scores, rtol=0, atol=0)


def test_more_draws_reduce_the_error_of_the_score(fitted_pretrainer, X):
    exact = fitted_pretrainer.score_samples(X, n_draws=100)
    errors = [np.abs(fitted_pretrainer.score_samples(X, n_draws=count) - exact).mean() for count in (1, 16)]
    assert errors[1] < 0.5 * errors[0]  # the standard error for 16 draws is a quarter of that for one draw


def test_noise_has_lower_scores_than_the_training_signals(new_pretrainer, many):
    X = many.data[:, 0]
    pretrainer = new_pretrainer(max_epochs=30).fit(X)
    noise = np.random.default_rng(0).normal(size=X[:50].shape)
    assert np.median(pretrainer.score_samples(noise)) < np.quantile(pretrainer.score_samples(X), 0.05)


@pytest.mark.parametrize("n_draws", [0, 1.5, -1])
def test_number_of_draws_must_be_a_positive_integer(fitted_pretrainer, X, n_draws):
    with pytest.raises(ValueError, match=f"n_draws={n_draws}: give a positive whole number"):
        fitted_pretrainer.score_samples(X, n_draws=n_draws)


def test_sample_with_several_channels_has_one_score(new_pretrainer, X_channels):
    pretrainer = new_pretrainer(max_epochs=1).fit(X_channels)
    assert pretrainer.score_samples(X_channels).shape == (41,)


def test_pretrainer_with_the_morlet_wavelet_is_saved_and_loaded(new_pretrainer, X, tmp_path):
    pretrainer = new_pretrainer(wavelet="morlet", w0=10.0, max_epochs=1).fit(X)
    assert pretrainer.model_.scalogram.wavelet == "morlet"
    pretrainer.save(tmp_path / "encoder.safetensors")
    loaded = MAEPretrainer.load(tmp_path / "encoder.safetensors")
    assert loaded.model_.scalogram.w0 == 10.0
    assert_array_equal(loaded.transform(X[:3]), pretrainer.transform(X[:3]))


@pytest.fixture(scope="module")
def shipped():
    return MAEPretrainer.from_pretrained()


def test_default_pretrainer_continues_from_the_encoder_of_the_package(shipped, X, same_weights):
    untrained = MAEPretrainer(max_epochs=0, random_state=0, device="cpu").fit(X)
    assert same_weights(untrained.model_, shipped.model_)
    assert untrained.readout_layers_ == shipped.readout_layers_
    assert untrained.transform(X[:3]).shape == shipped.transform(X[:3]).shape


def test_default_pretrainer_trains_for_few_epochs_and_lowers_the_loss(X, shipped, same_weights):
    trained = MAEPretrainer(random_state=0, device="cpu").fit(X)
    untrained = MAEPretrainer(max_epochs=0, random_state=0, device="cpu").fit(X)
    assert trained.n_iter_ == 4
    assert trained.score(X) > untrained.score(X)
    assert not same_weights(trained.encoder_, shipped.encoder_)


@pytest.mark.parametrize("params", [{"embed_dim": 32}, {"cwt_scales": 8}, {"signal_len": 100}])
def test_setting_the_architecture_starts_from_random_weights(X, params, shipped):
    pretrainer = MAEPretrainer(**params, max_epochs=0, random_state=0, device="cpu").fit(X)
    assert pretrainer.model_.settings != shipped.model_.settings


@pytest.mark.parametrize("init", ["auto", "shipped"])
def test_training_of_the_encoder_in_the_package_continues(X, shipped, same_weights, init):
    pretrainer = clone(shipped).set_params(init=init, max_epochs=0, device="cpu", batch_size=64, decode_ratio=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the architecture that was set is that of the encoder
        pretrainer.fit(X)
    assert same_weights(pretrainer.encoder_, shipped.encoder_)
    changed = clone(pretrainer).set_params(init="auto", embed_dim=32).fit(X)
    assert changed.encoder_.embed_dim == 32


def test_few_steps_of_partial_fit_do_not_undo_the_pretraining(shipped):
    signals = make_signals(32, 100, random_state=0)
    pretrainer, before = copy.deepcopy(shipped).set_params(device="cpu"), shipped.score(signals)
    for _ in range(2):
        assert pretrainer.partial_fit(signals).score(signals) > before - 0.1  # at the full learning rate: -2
    steps = {int(state["step"]) for state in pretrainer._optimizer_state.values()}
    assert steps == {2}


def test_random_weights_can_be_requested(X, shipped):
    pretrainer = MAEPretrainer(init="random", max_epochs=0, random_state=0, device="cpu").fit(X)
    assert pretrainer.model_.settings["embed_dim"] == 64
    assert pretrainer.readout_layers_ is None


def test_architecture_has_no_effect_with_the_shipped_encoder(X):
    with pytest.warns(UserWarning, match=r"embed_dim=32 has no effect with init='shipped'; give init='random'"):
        MAEPretrainer(init="shipped", embed_dim=32, max_epochs=0, random_state=0, device="cpu").fit(X)


def test_training_continues_from_a_file(fitted_pretrainer, new_pretrainer, X, same_weights, tmp_path):
    fitted_pretrainer.save(tmp_path / "encoder.safetensors")
    pretrainer = MAEPretrainer(init=tmp_path / "encoder.safetensors", max_epochs=0, random_state=0, device="cpu")
    assert same_weights(pretrainer.fit(X).encoder_, fitted_pretrainer.encoder_)
    assert len(pretrainer.fit(X[:, ::2]).transform(X[:2, ::2])) == 2  # another length


def test_missing_initial_file_is_an_error(X, refused):
    pretrainer = MAEPretrainer(init="missing.safetensors")
    with refused(pretrainer, r"init='missing.safetensors': no such file; give", FileNotFoundError):
        pretrainer.fit(X)


def test_spectrograms_start_from_random_weights(X):
    images = CWTTransformer(cwt_scales=8, device="cpu").fit_transform(X)
    pretrainer = MAEPretrainer(max_epochs=0, random_state=0, device="cpu").fit(images)
    assert pretrainer.model_.settings["embed_dim"] == 64


def test_saved_pretrainer_remembers_the_layers_but_not_the_initial_file(fitted_pretrainer, X, tmp_path):
    fitted_pretrainer.save(tmp_path / "start.safetensors")
    for init in ("auto", str(tmp_path / "start.safetensors")):
        pretrainer = MAEPretrainer(init=init, max_epochs=0, random_state=0, device="cpu").fit(X)
        pretrainer.save(tmp_path / "saved.safetensors")
        loaded = MAEPretrainer.load(tmp_path / "saved.safetensors")
        assert loaded.init == "auto"
        assert_allclose(loaded.transform(X[:3]), pretrainer.transform(X[:3]), rtol=1e-6)


def test_latent_targets_train_an_encoder_that_reconstructs_too(X, same_weights, tmp_path):
    params = {"pretext_task": "latent", "random_state": 0, "device": "cpu"}
    pretrainer = MAEPretrainer(**params, max_epochs=2).fit(X)
    assert not same_weights(pretrainer.encoder_, MAEPretrainer.from_pretrained().encoder_)
    assert pretrainer.reconstruct(X[:2]).signal_pred.shape == (2, 1, 512)
    pretrainer.save(tmp_path / "latent.safetensors")
    loaded = MAEPretrainer.load(tmp_path / "latent.safetensors")
    assert_array_equal(loaded.transform(X[:3]), pretrainer.transform(X[:3]))
    for _ in range(2):
        loaded.partial_fit(X[:8])
    assert loaded.n_iter_ == 4
