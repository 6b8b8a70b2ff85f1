"""Signals as they come: missing values, unequal lengths, and the containers of other libraries."""

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
    """Signals of two channels and five lengths."""
    return [signal[:, : LENGTHS[place % 5]] for place, signal in enumerate(few.data)]


def padded(signals, at=(0, 0)):
    """Put signals between so many missing values at least."""
    length = max(signal.shape[-1] for signal in signals)
    out = np.full((len(signals), *signals[0].shape[:-1], at[0] + length + at[1]), np.nan)
    for row, signal in zip(out, signals, strict=True):
        row[..., at[0] : at[0] + signal.shape[-1]] = signal
    return out


def nested(signals):
    return pd.DataFrame([[pd.Series(channel) for channel in signal] for signal in signals])


def with_index(signals):
    frames = {place: pd.DataFrame(signal.T) for place, signal in enumerate(signals)}
    return pd.concat(frames, names=["instance", "time"])


CONTAINERS = {
    "list": lambda signals: signals,
    "tuple of lists": lambda signals: tuple(signal.tolist() for signal in signals),
    "objects": lambda signals: np.array([*signals, None], dtype=object)[:-1],
    "padded": padded,
    "nested frame": nested,
    "frame of instances and times": with_index,
    "list of frames": lambda signals: [pd.DataFrame(signal.T) for signal in signals],
    "masked": lambda signals: np.ma.masked_invalid(padded(signals)),
}


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
def test_signals_of_unequal_lengths_come_in_any_container(ragged, container):
    transformer = CWTTransformer(output="statistics", cwt_scales=4, device="cpu")
    expected = transformer.fit_transform(padded(ragged))
    assert np.isfinite(expected).all()
    assert_array_equal(transformer.fit(container(ragged)).transform(container(ragged)), expected)


def test_shorter_signals_are_padded_to_the_length_of_fit(ragged):
    transformer = CWTTransformer(output="statistics", cwt_scales=4, device="cpu")
    expected = transformer.fit_transform(ragged)
    for container in (CONTAINERS["list"], nested, with_index):
        assert_array_equal(transformer.transform(container(ragged[1:3])), expected[1:3])
        assert_array_equal(transformer.transform(container(ragged[1:2])), expected[1:2])  # one, of one length


def test_arrays_of_another_length_are_no_lists_of_shorter_signals(X, refused):
    transformer = CWTTransformer(device="cpu").fit(X)
    for table in (X[:, :100], X[:, :100].tolist()):
        with refused(transformer, "100 features.*200 features"):
            transformer.transform(table)


def test_lists_of_frames_of_polars_have_time_first_as_those_of_pandas(X_channels):
    transformer = CWTTransformer(output="statistics", cwt_scales=4, device="cpu")
    expected = transformer.fit_transform(X_channels)
    assert_array_equal(transformer.fit_transform([polars.DataFrame(signal.T) for signal in X_channels]), expected)


def test_signals_whose_channels_differ_in_length_are_refused(refused):
    transformer = CWTTransformer(device="cpu")
    with refused(transformer, "X is ragged"):
        transformer.fit([[[1.0, 2.0, 3.0], [1.0, 2.0]], [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]])


def test_frames_of_polars_are_read(X):
    transformer = CWTTransformer(cwt_scales=4, device="cpu")
    assert_array_equal(transformer.fit_transform(polars.DataFrame(X)), transformer.fit_transform(X))


def test_frames_whose_rows_have_two_labels_are_rows_still(X):
    frame = pd.DataFrame(X, index=pd.MultiIndex.from_product([range(41), ["left"]]))
    transformer = CWTTransformer(cwt_scales=4, device="cpu")
    assert_array_equal(transformer.fit_transform(frame), transformer.fit_transform(X))


def test_estimators_say_that_they_take_missing_values():
    for estimator in (CWTTransformer(), MAEPretrainer(), MAEClassifier()):
        assert get_tags(estimator).input_tags.allow_nan


def estimators(new_pretrainer):
    return {
        "image": CWTTransformer(cwt_scales=8, device="cpu"),
        "statistics": CWTTransformer(output="statistics", cwt_scales=4, device="cpu"),
        "own encoder": new_pretrainer(pooling="bands", max_epochs=1),
    }


@pytest.mark.parametrize("at", [(0, 25), (25, 0), (10, 60)])
def test_padding_is_seen_by_no_token_statistic_loss_or_pooling(new_pretrainer, ragged, at):
    statistics = CWTTransformer(output="statistics", cwt_scales=4, device="cpu").fit(ragged)._transform
    X, moved = padded(ragged), padded(ragged, at)
    assert_array_equal(statistics(as_tensor(moved)), statistics(as_tensor(X)))
    pretrainer = new_pretrainer(pooling="bands", signal_len=200)
    embeddings, losses = pretrainer.fit_transform(X), [row["train_loss"] for row in pretrainer.history_]
    assert_array_equal(pretrainer.fit_transform(moved), embeddings)
    assert [row["train_loss"] for row in pretrainer.history_] == losses


def as_tensor(X):
    return torch.tensor(X).float()


@pytest.mark.parametrize("name", ["image", "statistics", "own encoder"])
def test_a_signal_says_the_same_alone_and_among_longer_ones(new_pretrainer, ragged, name):
    estimator = estimators(new_pretrainer)[name].fit(ragged)
    together = estimator.transform(ragged)
    alone = np.concatenate([estimator.transform(padded([signal, ragged[0]])[:1]) for signal in ragged])
    assert_allclose(alone, together, atol=1e-4)


def test_statistics_of_a_shorter_signal_are_those_of_its_part(X):
    """At the scales of the longer ones: what is said of a padded signal is what is said of the signal cut out."""
    whole = CWTTransformer(output="statistics", cwt_scales=4, device="cpu").fit(np.tile(X, (1, 2)))
    short = np.concatenate([X, np.full_like(X, np.nan)], axis=1)
    cut = whole._transform(as_tensor(X))
    assert_allclose(whole.transform(short), cut.numpy(), atol=1e-6)


def test_gaps_are_interpolated(new_pretrainer, new_classifier, X, y):
    holes = X.astype(np.float64).copy()
    holes[:, 50:53] = holes[::2, 120] = np.nan
    time = np.arange(200)
    filled = np.stack([np.interp(time, time[~np.isnan(row)], row[~np.isnan(row)]) for row in holes])
    for estimator in estimators(new_pretrainer).values():
        # float32 rounds the line between two values by a bit; a value lifted over a threshold moves a share.
        assert_allclose(estimator.fit_transform(holes), estimator.fit_transform(filled), atol=0.02)
    classifier = new_classifier(probe=True, max_epochs=1)
    expected = classifier.fit(filled, y).predict_proba(filled)
    assert_allclose(classifier.fit(holes, y).predict_proba(holes), expected, atol=0.01)


@pytest.mark.parametrize("finetune", ["none", "full", "head"])
def test_unequal_lengths_are_classified_and_saved(new_pretrainer, ragged, y, tmp_path, finetune):
    pretrainer = FrozenEstimator(new_pretrainer(max_epochs=1).fit(ragged))
    classifier = MAEClassifier(pretrainer=pretrainer, finetune=finetune, max_epochs=1, device="cpu").fit(ragged, y)
    expected = classifier.predict_proba(ragged)
    assert_allclose(expected.sum(1), 1, atol=1e-5)
    classifier.save(tmp_path / "classifier.safetensors")
    assert_array_equal(MAEClassifier.load(tmp_path / "classifier.safetensors").predict_proba(ragged), expected)
    assert_allclose(classifier.predict_proba(ragged[:7]), expected[:7], atol=1e-5)


def test_the_shipped_encoder_takes_unequal_lengths(ragged, y):
    shipped = MAEPretrainer.from_pretrained()
    together = shipped.transform(ragged)
    alone = np.concatenate([shipped.transform(signal[None]) for signal in ragged])
    assert_allclose(alone, together, atol=1e-3)
    assert MAEClassifier(random_state=0).fit(ragged, y).score(ragged, y) > 0.9


def test_levels_of_signals_with_gaps_are_taken_off(X):
    far = X.astype(np.float64) + 1e9
    far[:, 30:40] = np.nan
    transformer = CWTTransformer(output="statistics", cwt_scales=4, device="cpu").fit(far)
    assert transformer.offset_ == pytest.approx(1e9)
    assert np.isfinite(transformer.transform(far)).all()


def test_longer_signals_of_a_list_are_resampled_to_the_length_of_fit(X):
    transformer = CWTTransformer(output="statistics", cwt_scales=4, device="cpu").fit(X[:, :100])
    longer = [X[0].astype(float), np.concatenate([np.full(30, np.nan), X[1], [np.nan]]), X[2, :50], X[3, :100]]
    longer[0][70:73] = np.nan
    with pytest.warns(UserWarning, match="X has signals of up to 231 samples, but the longest signal in fit had 100"):
        got = transformer.transform(longer)
    filled = longer[0].copy()
    filled[70:73] = np.interp([70, 71, 72], [69, 73], filled[[69, 73]])
    at = np.linspace(0, 199, 100)
    whole = [np.interp(at, np.arange(200), signal) for signal in (filled, X[1])]
    # float32 rounds what is interpolated; a value lifted over a threshold moves a share by a hundredth.
    assert_allclose(got, transformer.transform([*whole, X[2, :50], X[3, :100]]), atol=0.02)


def test_lists_of_signals_are_validated_on_parts_of_them(X, y):
    signals = [signal[: 200 - 3 * place] for place, signal in enumerate(X)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X has signals of up to")
        scores = cross_val_score(MAEClassifier(random_state=0), signals, y, cv=3)
    assert np.isfinite(scores).all()


def test_padded_signals_that_are_cut_to_the_length_of_fit_stay_as_they_are(X):
    transformer = CWTTransformer(output="statistics", cwt_scales=4, device="cpu").fit(X[:, :100])
    padded = [np.concatenate([row[:100], np.full(50, np.nan)]) for row in X[:3]]
    with pytest.warns(UserWarning, match="resampled"):
        assert_array_equal(transformer.transform(padded), transformer.transform(X[:3, :100]))


def test_arrays_longer_than_in_fit_are_refused(X, refused):
    transformer = CWTTransformer(device="cpu").fit(X[:, :100])
    with refused(transformer, "200 features.*100 features.*other lengths can be given as a list of arrays"):
        transformer.transform(X)
