"""Tests of missing values, unequal lengths, and containers of other libraries."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_score
from sklearn.utils import get_tags

from sktsmae import CWTTransformer, MAEClassifier, MAEPretrainer

LENGTHS = np.array([200, 90, 130, 171, 90])


@pytest.fixture
def ragged(few):
    """Return signals of two channels and four different lengths."""
    return [signal[:, : LENGTHS[index % 5]] for index, signal in enumerate(few.data)]


def padded(signals, margins=(0, 0)):
    """Pad signals with NaN to equal lengths. `margins` are the numbers of additional leading and trailing NaNs."""
    length = max(signal.shape[-1] for signal in signals)
    out = np.full((len(signals), *signals[0].shape[:-1], margins[0] + length + margins[1]), np.nan)
    for row, signal in zip(out, signals, strict=True):
        row[..., margins[0] : margins[0] + signal.shape[-1]] = signal
    return out


def nested_frame(signals):
    """Return a DataFrame with one row per signal, one column per channel, and a Series in each cell."""
    return pd.DataFrame([[pd.Series(channel) for channel in signal] for signal in signals])


def multi_index_frame(signals):
    """Return a DataFrame with one row per signal and time step, and one column per channel."""
    frames = {index: pd.DataFrame(signal.T) for index, signal in enumerate(signals)}
    return pd.concat(frames, names=["instance", "time"])


CONTAINERS = {
    "list": lambda signals: signals,
    "tuple of lists": lambda signals: tuple(signal.tolist() for signal in signals),
    "object array": lambda signals: np.array([*signals, None], dtype=object)[:-1],  # None prevents stacking
    "padded": padded,
    "nested frame": nested_frame,
    "MultiIndex frame": multi_index_frame,
    "list of frames": lambda signals: [pd.DataFrame(signal.T) for signal in signals],
    "masked array": lambda signals: np.ma.masked_invalid(padded(signals)),
}


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
def test_results_do_not_depend_on_the_container_of_signals_of_unequal_lengths(ragged, container):
    transformer = CWTTransformer(output="statistics", cwt_scales=4, device="cpu")
    expected = transformer.fit_transform(padded(ragged))
    assert np.isfinite(expected).all()
    assert_array_equal(transformer.fit(container(ragged)).transform(container(ragged)), expected)


def test_shorter_signals_are_padded_to_the_length_of_fit(ragged):
    transformer = CWTTransformer(output="statistics", cwt_scales=4, device="cpu")
    expected = transformer.fit_transform(ragged)
    for container in (CONTAINERS["list"], nested_frame, multi_index_frame):
        assert_array_equal(transformer.transform(container(ragged[1:3])), expected[1:3])
        assert_array_equal(transformer.transform(container(ragged[1:2])), expected[1:2])  # a single signal


def test_arrays_and_nested_lists_of_shorter_signals_than_in_fit_are_refused(X, refused):
    transformer = CWTTransformer(device="cpu").fit(X)
    for shorter in (X[:, :100], X[:, :100].tolist()):
        with refused(transformer, "100 features.*200 features"):
            transformer.transform(shorter)


def test_polars_frames_in_a_list_have_time_on_the_first_axis(X_channels):
    transformer = CWTTransformer(output="statistics", cwt_scales=4, device="cpu")
    expected = transformer.fit_transform(X_channels)
    assert_array_equal(transformer.fit_transform([polars.DataFrame(signal.T) for signal in X_channels]), expected)


def test_signals_whose_channels_differ_in_length_are_refused(refused):
    transformer = CWTTransformer(device="cpu")
    with refused(transformer, "X is ragged"):
        transformer.fit([[[1.0, 2.0, 3.0], [1.0, 2.0]], [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]])


def test_polars_frame_gives_the_same_results_as_an_array(X):
    transformer = CWTTransformer(cwt_scales=4, device="cpu")
    assert_array_equal(transformer.fit_transform(polars.DataFrame(X)), transformer.fit_transform(X))


def test_frame_has_one_signal_per_row_if_the_first_level_of_its_multi_index_is_unique(X):
    frame = pd.DataFrame(X, index=pd.MultiIndex.from_product([range(41), ["left"]]))
    transformer = CWTTransformer(cwt_scales=4, device="cpu")
    assert_array_equal(transformer.fit_transform(frame), transformer.fit_transform(X))


def test_estimator_tags_allow_missing_values():
    for estimator in (CWTTransformer(), MAEPretrainer(), MAEClassifier()):
        assert get_tags(estimator).input_tags.allow_nan


def estimators(new_pretrainer):
    """Return a dict of unfitted estimators. Its keys describe the output of `transform`."""
    return {
        "image": CWTTransformer(cwt_scales=8, device="cpu"),
        "statistics": CWTTransformer(output="statistics", cwt_scales=4, device="cpu"),
        "embedding": new_pretrainer(pooling="bands", max_epochs=1),
    }


@pytest.mark.parametrize("margins", [(0, 25), (25, 0), (10, 60)])
def test_padding_does_not_change_statistics_losses_or_embeddings(new_pretrainer, ragged, margins):
    transform = CWTTransformer(output="statistics", cwt_scales=4, device="cpu").fit(ragged)._transform
    X, with_margins = padded(ragged), padded(ragged, margins)
    assert_array_equal(transform(as_tensor(with_margins)), transform(as_tensor(X)))
    pretrainer = new_pretrainer(pooling="bands", signal_len=200)
    embeddings, losses = pretrainer.fit_transform(X), [row["train_loss"] for row in pretrainer.history_]
    assert_array_equal(pretrainer.fit_transform(with_margins), embeddings)
    assert [row["train_loss"] for row in pretrainer.history_] == losses


def as_tensor(X):
    return torch.tensor(X).float()


@pytest.mark.parametrize("output", ["image", "statistics", "embedding"])
def test_results_of_a_signal_do_not_depend_on_longer_signals_in_the_batch(new_pretrainer, ragged, output):
    estimator = estimators(new_pretrainer)[output].fit(ragged)
    together = estimator.transform(ragged)
    separately = np.concatenate([estimator.transform(padded([signal, ragged[0]])[:1]) for signal in ragged])
    assert_allclose(separately, together, atol=1e-4)


def test_statistics_of_a_padded_signal_equal_those_of_the_signal_without_padding(X):
    # Both cases use the scales of the longer signals in `fit`.
    transformer = CWTTransformer(output="statistics", cwt_scales=4, device="cpu").fit(np.tile(X, (1, 2)))
    with_padding = np.concatenate([X, np.full_like(X, np.nan)], axis=1)
    expected = transformer._transform(as_tensor(X))
    assert_allclose(transformer.transform(with_padding), expected.numpy(), atol=1e-6)


def test_gaps_are_interpolated(new_pretrainer, new_classifier, X, y):
    with_gaps = X.astype(np.float64).copy()
    with_gaps[:, 50:53] = with_gaps[::2, 120] = np.nan
    time = np.arange(200)
    filled = np.stack([np.interp(time, time[~np.isnan(row)], row[~np.isnan(row)]) for row in with_gaps])
    for estimator in estimators(new_pretrainer).values():
        # A rounding error in an interpolated value may lift it above a threshold, which changes a fraction of time.
        assert_allclose(estimator.fit_transform(with_gaps), estimator.fit_transform(filled), atol=0.02)
    classifier = new_classifier(probe=True, max_epochs=1)
    expected = classifier.fit(filled, y).predict_proba(filled)
    assert_allclose(classifier.fit(with_gaps, y).predict_proba(with_gaps), expected, atol=0.01)


@pytest.mark.parametrize(
    "params",
    [{"finetune": "none"}, {"finetune": "full", "max_epochs": 1}, {"finetune": "head", "max_epochs": 1}],
    ids=["none", "full", "head"],
)
def test_classifier_fitted_on_unequal_lengths_can_be_saved_and_loaded(new_pretrainer, ragged, y, tmp_path, params):
    pretrainer = FrozenEstimator(new_pretrainer(max_epochs=1).fit(ragged))
    classifier = MAEClassifier(pretrainer=pretrainer, device="cpu", **params).fit(ragged, y)
    expected = classifier.predict_proba(ragged)
    assert_allclose(expected.sum(1), 1, atol=1e-5)
    classifier.save(tmp_path / "classifier.safetensors")
    assert_array_equal(MAEClassifier.load(tmp_path / "classifier.safetensors").predict_proba(ragged), expected)
    assert_allclose(classifier.predict_proba(ragged[:7]), expected[:7], atol=1e-5)


def test_encoder_in_the_package_accepts_unequal_lengths(ragged, y):
    pretrainer = MAEPretrainer.from_pretrained()
    together = pretrainer.transform(ragged)
    separately = np.concatenate([pretrainer.transform(signal[None]) for signal in ragged])
    assert_allclose(separately, together, atol=1e-3)
    assert MAEClassifier(random_state=0).fit(ragged, y).score(ragged, y) > 0.9


def test_offset_of_signals_with_gaps_is_subtracted(X):
    shifted = X.astype(np.float64) + 1e9
    shifted[:, 30:40] = np.nan
    transformer = CWTTransformer(output="statistics", cwt_scales=4, device="cpu").fit(shifted)
    assert transformer.offset_ == pytest.approx(1e9)
    assert np.isfinite(transformer.transform(shifted)).all()


def test_longer_signals_of_a_list_are_resampled_to_the_length_of_fit(X):
    transformer = CWTTransformer(output="statistics", cwt_scales=4, device="cpu").fit(X[:, :100])
    # The first two signals are longer than in `fit`: one has a gap, and the other has leading and trailing padding.
    signals = [X[0].astype(float), np.concatenate([np.full(30, np.nan), X[1], [np.nan]]), X[2, :50], X[3, :100]]
    signals[0][70:73] = np.nan
    with pytest.warns(UserWarning, match="X has signals of up to 231 samples, but the longest signal in fit had 100"):
        statistics = transformer.transform(signals)
    filled = signals[0].copy()
    filled[70:73] = np.interp([70, 71, 72], [69, 73], filled[[69, 73]])
    times = np.linspace(0, 199, 100)
    resampled = [np.interp(times, np.arange(200), signal) for signal in (filled, X[1])]
    # A rounding error in an interpolated value may lift it above a threshold. A fraction of time then changes by 0.01.
    assert_allclose(statistics, transformer.transform([*resampled, X[2, :50], X[3, :100]]), atol=0.02)


def test_lists_of_signals_can_be_cross_validated(X, y):
    signals = [signal[: 200 - 3 * index] for index, signal in enumerate(X)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X has signals of up to")
        scores = cross_val_score(MAEClassifier(random_state=0), signals, y, cv=3)
    assert np.isfinite(scores).all()


def test_longer_signals_are_not_resampled_if_the_excess_is_padding(X):
    transformer = CWTTransformer(output="statistics", cwt_scales=4, device="cpu").fit(X[:, :100])
    longer = [np.concatenate([row[:100], np.full(50, np.nan)]) for row in X[:3]]
    with pytest.warns(UserWarning, match="resampled"):
        assert_array_equal(transformer.transform(longer), transformer.transform(X[:3, :100]))


def test_array_of_longer_signals_than_in_fit_is_refused(X, refused):
    transformer = CWTTransformer(device="cpu").fit(X[:, :100])
    with refused(transformer, "200 features.*100 features.*other lengths can be given as a list of arrays"):
        transformer.transform(X)
