"""Tests of MAEClassifier.explain: relevance maps of signals whose decisive pattern is known, and errors."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

from sktsmae import CWTTransformer, MAEClassifier, MAEPretrainer

LENGTH, WINDOW = 200, 40


def burst(frequency: float) -> np.ndarray:
    """Return a short oscillation with zero mean. Its frequency is in cycles per sample."""
    window, time = np.hanning(WINDOW), np.arange(WINDOW) - (WINDOW - 1) / 2
    wave = window * np.cos(2 * np.pi * frequency * time)
    return 3 * (wave - window * wave.sum() / window.sum())


def signals_with_two_bursts(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return noisy signals with two bursts, their labels, and the start times of the decisive and of the other bursts.

    Each half of a signal contains one burst. The sign of the decisive burst is positive for class 1 and negative for
    class 0. The sign of the other burst is random. The signs change neither the energy nor the mean of any scale. If
    the energy or mean depended on the class, standardised images would differ between the classes at all times, not
    only at the decisive burst.
    """
    rng = np.random.default_rng(seed)
    X = 0.2 * rng.normal(size=(count, LENGTH))
    y, random_labels = rng.integers(0, 2, (2, count))
    starts = np.stack([rng.integers(0, LENGTH // 2 - WINDOW, count), rng.integers(LENGTH // 2, LENGTH - WINDOW, count)])
    decisive_half = rng.integers(0, 2, count)
    decisive_starts, other_starts = starts[decisive_half, np.arange(count)], starts[1 - decisive_half, np.arange(count)]
    for x, label, start in zip(X, y, decisive_starts, strict=True):
        x[start : start + WINDOW] += (2 * label - 1) * burst(0.06)
    for x, label, start in zip(X, random_labels, other_starts, strict=True):
        x[start : start + WINDOW] += (2 * label - 1) * burst(0.15)
    return X, y, decisive_starts, other_starts


def relevance_in_windows(maps: np.ndarray, starts: np.ndarray) -> float:
    """Return the fraction of the relevance of a map that lies within a window, averaged over maps."""
    relevance = maps.sum((1, 2))  # (n, T)
    fractions = [values[start : start + WINDOW].sum() for values, start in zip(relevance, starts, strict=True)]
    return float(np.mean(fractions))


def test_relevance_is_highest_at_the_decisive_burst():
    X, y, _, _ = signals_with_two_bursts(160, seed=0)
    X_test, y_test, decisive_starts, other_starts = signals_with_two_bursts(40, seed=1)
    training = {"max_epochs": 12, "lr": 3e-3, "batch_size": 8, "dropout": 0.0, "label_smoothing": 0.0}
    classifier = MAEClassifier(probe=False, finetune="head", random_state=0, device="cpu", **training).fit(X, y)
    assert classifier.score(X_test, y_test) > 0.95
    maps = classifier.explain(X_test)
    assert maps.shape == (40, 1, 32, LENGTH)
    # A uniform map has WINDOW / LENGTH = 0.2 of its relevance in each window. Measured: 0.56 at the decisive bursts and
    # 0.08 at the other bursts, which have the same amplitude; 0.50 and 0.04 with another seed.
    assert relevance_in_windows(maps, decisive_starts) > 2 * WINDOW / LENGTH
    assert relevance_in_windows(maps, other_starts) < WINDOW / LENGTH


def test_maps_are_not_negative_and_sum_to_one_over_all_channels(new_classifier, X_channels, y):
    classifier = new_classifier().fit(X_channels, y)
    maps = classifier.explain(X_channels[:5])
    assert maps.shape == (5, 2, 16, 200)
    assert maps.dtype == np.float32
    assert (maps >= 0).all()
    assert_allclose(maps.sum((1, 2, 3)), 1, rtol=1e-4)  # rounding errors of a sum of 6,400 float32 values
    assert (maps.sum((2, 3)) > 0).all()


def test_map_does_not_depend_on_the_batch(fitted_classifier, X):
    one_batch = fitted_classifier.explain(X[:6])
    # Rounding errors of float32 depend on the batch size. The mean of the 16 x 200 values of a map is 1 / 3,200.
    assert_allclose(np.concatenate([fitted_classifier.explain(X[i : i + 1]) for i in range(6)]), one_batch, atol=1e-7)


@pytest.mark.parametrize("finetune", ["full", "head"])
def test_network_can_be_explained_if_there_is_also_a_probe(fitted_pretrainer, new_classifier, X, y, finetune):
    pretrainer = MAEPretrainer(**{**fitted_pretrainer.get_params(), "pooling": "bands"})
    classifier = new_classifier(pretrainer=pretrainer, probe=True, finetune=finetune, max_epochs=1).fit(X, y)
    assert classifier.explain(X[:3]).shape == (3, 1, 16, 200)


def test_map_is_as_long_as_the_signal_if_the_network_resamples(new_classifier, new_pretrainer, X, y):
    pretrainer = new_pretrainer(signal_len=80, max_epochs=0)
    maps = new_classifier(pretrainer=pretrainer, max_epochs=1).fit(X, y).explain(X[:3])
    assert maps.shape == (3, 1, 16, 200)
    assert_allclose(maps.sum((1, 2, 3)), 1, rtol=1e-4)
    # The network resamples signals from 200 to 80 samples, so that a patch of 25 samples covers 62.5 original samples.
    # Relevance changes at the boundaries of patches only.
    assert set((np.diff(maps) != 0).nonzero()[3] + 1) == {62, 125, 188}


@pytest.mark.parametrize("signal_len", [None, 80])
def test_relevance_is_zero_in_the_padding(new_classifier, new_pretrainer, X, y, signal_len):
    padded = X.astype(np.float64).copy()
    padded[::2, 120:] = padded[::2, :10] = np.nan
    pretrainer = new_pretrainer(signal_len=signal_len, max_epochs=0)
    classifier = new_classifier(pretrainer=pretrainer, max_epochs=1).fit(padded, y)
    maps = classifier.explain(padded[:4])
    assert_allclose(maps.sum((1, 2, 3)), 1, rtol=1e-4)
    relevance = maps.sum((1, 2))  # (n, T)
    assert (relevance[np.isnan(padded[:4])] == 0).all()
    # Both halves of the part without padding have relevance.
    assert (relevance[0, 10:120].reshape(2, -1).sum(1) > 0).all()


def test_spectrograms_can_be_explained(new_classifier, new_pretrainer, X, y):
    images = CWTTransformer(cwt_scales=16).fit_transform(X)
    # Values of cwt_scales and boundary other than the defaults would cause a warning, because they have no effect.
    pretrainer = new_pretrainer(max_epochs=0, cwt_scales="auto", boundary="reflect")
    assert new_classifier(pretrainer=pretrainer).fit(images, y).explain(images[:3]).shape == (3, 1, 16, 200)


def test_loaded_classifier_gives_the_same_map(fitted_classifier, X, tmp_path):
    fitted_classifier.save(tmp_path / "classifier.safetensors")
    loaded = MAEClassifier.load(tmp_path / "classifier.safetensors")
    assert_array_equal(loaded.explain(X[:3]), fitted_classifier.explain(X[:3]))


def test_classifier_without_a_network_is_refused(X, y):
    with pytest.raises(ValueError, match=r"finetune='none'; fit it with finetune='full', .* and head='reasoning'"):
        MAEClassifier(random_state=0).fit(X, y).explain(X)


def test_head_without_reasoning_tokens_is_refused(new_classifier, X, y):
    with pytest.raises(ValueError, match=r"head='mlp'; fit it with head='reasoning'"):
        new_classifier(head="mlp", max_epochs=1).fit(X, y).explain(X)


def test_unfitted_classifier_is_refused(X):
    with pytest.raises(NotFittedError):
        MAEClassifier().explain(X)
