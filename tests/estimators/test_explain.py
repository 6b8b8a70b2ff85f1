"""MAEClassifier.explain: relevance maps of signals with a planted pattern, and errors."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

from sktsmae import CWTTransformer, MAEClassifier, MAEPretrainer

LENGTH, WINDOW = 200, 40


def burst(frequency: float) -> np.ndarray:
    """Return a short burst of one frequency with zero mean."""
    window, time = np.hanning(WINDOW), np.arange(WINDOW) - (WINDOW - 1) / 2
    wave = window * np.cos(2 * np.pi * frequency * time)
    return 3 * (wave - window * wave.sum() / window.sum())


def planted_patterns(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return noisy signals with two bursts, their labels, and the starts of the decisive and of the other bursts.

    Each half of a signal contains one burst. The sign of the decisive burst is the class. The sign of the other burst
    is random. The sign changes neither the energy nor the mean of any scale. If one of these depended on the class,
    standardising an image would reveal the class at all times, not only at the decisive burst.
    """
    rng = np.random.default_rng(seed)
    X = 0.2 * rng.normal(size=(count, LENGTH))
    y, random_class = rng.integers(0, 2, (2, count))
    halves = np.stack([rng.integers(0, LENGTH // 2 - WINDOW, count), rng.integers(LENGTH // 2, LENGTH - WINDOW, count)])
    first = rng.integers(0, 2, count)
    starts, others = halves[first, np.arange(count)], halves[1 - first, np.arange(count)]
    for x, label, random_label, start, other in zip(X, y, random_class, starts, others, strict=True):
        x[start : start + WINDOW] += (2 * label - 1) * burst(0.06)
        x[other : other + WINDOW] += (2 * random_label - 1) * burst(0.15)
    return X, y, starts, others


def relevance_in_windows(maps: np.ndarray, starts: np.ndarray) -> float:
    """Return the mean relevance within the windows, as a fraction of the relevance of a map."""
    relevance = maps.sum((1, 2))  # (n, T)
    fractions = [values[start : start + WINDOW].sum() for values, start in zip(relevance, starts, strict=True)]
    return float(np.mean(fractions))


def test_relevance_is_highest_at_the_decisive_pattern():
    X, y, _, _ = planted_patterns(160, seed=0)
    X_test, y_test, starts, others = planted_patterns(40, seed=1)
    training = {"max_epochs": 12, "lr": 3e-3, "batch_size": 8, "dropout": 0.0, "label_smoothing": 0.0}
    classifier = MAEClassifier(probe=False, finetune="head", random_state=0, device="cpu", **training).fit(X, y)
    assert classifier.score(X_test, y_test) > 0.95
    maps = classifier.explain(X_test)
    assert maps.shape == (40, 1, 32, LENGTH)
    # A uniform map has a fifth of its relevance in each window. Measured: 0.56 in the decisive window and 0.08 in the
    # other window, whose burst has the same amplitude; 0.50 and 0.04 with another seed.
    assert relevance_in_windows(maps, starts) > 2 * WINDOW / LENGTH
    assert relevance_in_windows(maps, others) < WINDOW / LENGTH


def test_maps_are_not_negative_and_sum_to_one_over_all_channels(new_classifier, X_channels, y):
    classifier = new_classifier().fit(X_channels, y)
    maps = classifier.explain(X_channels[:5])
    assert maps.shape == (5, 2, 16, 200)
    assert maps.dtype == np.float32
    assert (maps >= 0).all()
    assert_allclose(maps.sum((1, 2, 3)), 1, rtol=1e-4)  # the sum of 6,400 float32 values
    assert (maps.sum((2, 3)) > 0).all()


def test_map_does_not_depend_on_the_batch(new_classifier, fitted_classifier, X):
    one_batch = fitted_classifier.explain(X[:6])
    # The batch size changes the rounding of float32 values, which are about 1 / 3,200.
    assert_allclose(np.concatenate([fitted_classifier.explain(X[i : i + 1]) for i in range(6)]), one_batch, atol=1e-7)


@pytest.mark.parametrize("finetune", ["full", "head"])
def test_network_with_a_probe_is_explained(fitted_pretrainer, new_classifier, X, y, finetune):
    pretrainer = MAEPretrainer(**{**fitted_pretrainer.get_params(), "pooling": "bands"})
    classifier = new_classifier(pretrainer=pretrainer, probe=True, finetune=finetune, max_epochs=1).fit(X, y)
    assert classifier.explain(X[:3]).shape == (3, 1, 16, 200)


def test_map_is_as_long_as_the_signal_if_the_network_resamples(new_classifier, new_pretrainer, X, y):
    pretrainer = new_pretrainer(signal_len=80, max_epochs=0)
    maps = new_classifier(pretrainer=pretrainer, max_epochs=1).fit(X, y).explain(X[:3])
    assert maps.shape == (3, 1, 16, 200)
    assert_allclose(maps.sum((1, 2, 3)), 1, rtol=1e-4)
    # A patch of 25 samples in 80 covers 62.5 samples in 200.
    assert set((np.diff(maps) != 0).nonzero()[3] + 1) == {62, 125, 188}


@pytest.mark.parametrize("signal_len", [None, 80])
def test_maps_are_zero_where_signals_are_padded(new_classifier, new_pretrainer, X, y, signal_len):
    padded = X.astype(np.float64).copy()
    padded[::2, 120:] = padded[::2, :10] = np.nan
    pretrainer = new_pretrainer(signal_len=signal_len, max_epochs=0)
    classifier = new_classifier(pretrainer=pretrainer, max_epochs=1).fit(padded, y)
    maps = classifier.explain(padded[:4])
    assert_allclose(maps.sum((1, 2, 3)), 1, rtol=1e-4)
    relevance = maps.sum((1, 2))  # (n, T)
    assert (relevance[np.isnan(padded[:4])] == 0).all()
    # The columns of patches cover the unpadded part of a signal only.
    assert (relevance[0, 10:120].reshape(2, -1).sum(1) > 0).all()


def test_spectrograms_are_explained(new_classifier, new_pretrainer, X, y):
    images = CWTTransformer(cwt_scales=16).fit_transform(X)
    # Other values of cwt_scales and boundary cause a warning, because they have no effect with spectrograms.
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
