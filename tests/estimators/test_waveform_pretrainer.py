"""Tests of MAEPretrainer with ``representation="waveform"``, and of classifiers that use such an encoder."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.frozen import FrozenEstimator

from sktsmae import CWTTransformer, MAEClassifier, MAEPretrainer
from sktsmae.datasets import load_sparwatch
from sktsmae.models import Waveform
from sktsmae.plotting import ReconstructionDisplay, RelevanceDisplay

PARAMS = {"representation": "waveform", "embed_dim": 32, "depth": 1, "max_epochs": 2, "random_state": 0}


def waveform_pretrainer(**params) -> MAEPretrainer:
    """Return an unfitted pretrainer of waveforms. Its arguments override the default settings."""
    return MAEPretrainer(**{**PARAMS, "device": "cpu", **params})


@pytest.fixture(scope="module")
def pretrainer(X_channels) -> MAEPretrainer:
    """Return a pretrainer fitted on two channels. Tests must not change it."""
    return waveform_pretrainer().fit(X_channels)


@pytest.fixture(scope="module")
def classifier(pretrainer, X_channels, y) -> MAEClassifier:
    """Return a classifier with a fine-tuned encoder of waveforms. Tests must not change it."""
    params = {"finetune": "full", "probe": False, "max_epochs": 1, "random_state": 0, "device": "cpu"}
    return MAEClassifier(pretrainer=FrozenEstimator(pretrainer), **params).fit(X_channels, y)


@pytest.fixture(scope="module")
def spectrograms(X_channels) -> np.ndarray:
    return CWTTransformer(cwt_scales=4).fit_transform(X_channels)


def test_training_starts_from_random_weights_and_lowers_the_loss(many):
    X = many.data[:, 0]
    untrained = waveform_pretrainer(max_epochs=0).fit(X)
    trained = waveform_pretrainer(max_epochs=6, batch_size=16, lr=0.01).fit(X)
    assert isinstance(trained.model_.scalogram, Waveform)
    assert trained.encoder_.grid_size == (1, 50)
    # A prediction of the mean has a loss of 1 on the masked patches, and of 1 on the waveform.
    assert -untrained.score(X) > 2 > -trained.score(X)


def test_each_channel_has_the_statistics_of_one_band(pretrainer, X_channels):
    embedded = pretrainer.transform(X_channels)
    assert embedded.shape == (41, 2 * 20 * 32)
    assert np.isfinite(embedded).all()


def test_reconstruction_masks_intervals_of_the_signal(pretrainer, X_channels):
    out = pretrainer.reconstruct(X_channels[:3])
    assert_allclose(out.image[:, :, 0, 0], out.signal, atol=1e-6)
    intervals = out.mask.reshape(3, 2, 50, 4)
    assert_array_equal(intervals, np.repeat(intervals[..., :1], 4, axis=-1))
    assert intervals.mean() == 0.76  # 12 of 50 patches are visible, because mask_ratio is 0.75


def test_embedding_ignores_the_mean_of_a_signal(X):
    signals = X.astype(np.float64)
    pretrainer = waveform_pretrainer(max_epochs=0, pooling="mean").fit(signals)
    # The sum has rounding errors of 1e-10, so that other signals are rounded to float32.
    assert_allclose(pretrainer.transform(signals + 1e6), pretrainer.transform(signals), atol=1e-5)


def test_signals_are_resampled(X_channels):
    pretrainer = waveform_pretrainer(signal_len=96).fit(X_channels)
    assert pretrainer.encoder_.num_patches == 48
    assert pretrainer.transform([X_channels[0], X_channels[1, :, :77]]).shape == (2, 1280)


def test_pretrainer_is_saved_and_loaded(pretrainer, X_channels, tmp_path):
    pretrainer.save(tmp_path / "encoder.safetensors")
    loaded = MAEPretrainer.load(tmp_path / "encoder.safetensors")
    assert loaded.representation == "waveform"
    assert_array_equal(loaded.transform(X_channels[:3]), pretrainer.transform(X_channels[:3]))


def test_latent_pretext_task_accepts_waveforms(X_channels):
    pretrainer = waveform_pretrainer(pretext_task="latent", max_epochs=1).fit(X_channels)
    assert pretrainer.score_samples(X_channels[:3], n_draws=2).shape == (3,)


@pytest.mark.parametrize(
    "params",
    [
        {"cwt_scales": 8},
        {"diff_orders": (0,)},
        {"standardize": "per_scale"},
        {"boundary": "zeros"},
        {"wavelet": "morlet"},
        {"w0": 8.0},
        {"masking": "patches"},
    ],
    ids=lambda params: next(iter(params)),
)
def test_parameter_of_images_has_no_effect_and_warns(X, params):
    ((name, value),) = params.items()
    reason = "has no effect with representation='waveform'; choose representation='image' to use it."
    with pytest.warns(UserWarning, match=re.escape(f"{name}={value!r} {reason}")):
        waveform_pretrainer(max_epochs=0, **params).fit(X)


def test_default_parameters_do_not_warn(X):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        waveform_pretrainer(max_epochs=0).fit(X)


def test_spectrograms_are_refused(spectrograms, refused):
    estimator = waveform_pretrainer(max_epochs=0, pooling="mean")
    with refused(estimator, "X is a spectrogram, but representation='waveform' needs signals"):
        estimator.fit(spectrograms)


def test_classifier_refuses_spectrograms_with_an_encoder_of_waveforms(pretrainer, spectrograms, y, refused):
    estimator = MAEClassifier(pretrainer=FrozenEstimator(pretrainer), random_state=0)
    with refused(estimator, "X is a spectrogram, but representation='waveform' needs signals"):
        estimator.fit(spectrograms, y)


def test_patch_of_more_than_one_row_is_refused(X, refused):
    estimator = waveform_pretrainer(patch_size=(4, 8))
    with refused(estimator, "patch_size_freq=4, but representation='waveform' has one row"):
        estimator.fit(X)


def test_classifier_explains_its_predictions_by_time(classifier, X_channels):
    maps = classifier.explain(X_channels[:3])
    assert maps.shape == (3, 2, 1, 200)
    assert_allclose(maps.sum((1, 2, 3)), 1, rtol=1e-5)


def test_probe_uses_the_embedding_of_waveforms(pretrainer):
    bunch = load_sparwatch()
    X, y = bunch.data[::8, :2], bunch.target[::8]
    classifier = MAEClassifier(pretrainer=FrozenEstimator(pretrainer), random_state=0, device="cpu").fit(X[::2], y[::2])
    chance = np.bincount(np.unique(y, return_inverse=True)[1]).max() / len(y)
    assert classifier.score(X[1::2], y[1::2]) > 2 * chance


def test_displays_show_the_waveform_as_an_image_without_scales(pretrainer, classifier, X_channels):
    reconstruction = ReconstructionDisplay.from_estimator(pretrainer, X_channels[0])
    relevance = RelevanceDisplay.from_estimator(classifier, X_channels[0])
    assert reconstruction.mask.shape == relevance.relevance.shape == (1, 200)
    for axis in (reconstruction.axes_[0], relevance.axes_[1]):
        assert axis.get_ylabel() == ""
        assert len(axis.get_yticks()) == 0
