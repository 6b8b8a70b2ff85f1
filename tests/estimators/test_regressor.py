"""Tests of MAERegressor, which predicts a number from a signal (time series extrinsic regression)."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.frozen import FrozenEstimator

from sktsmae import MAERegressor


def noisy_bursts(count, seed):
    """Return noisy signals with one burst per signal, and the frequency of each burst in cycles per sample."""
    rng = np.random.default_rng(seed)
    frequency, position = rng.uniform(0.03, 0.2, count), rng.uniform(50, 150, count)
    time = np.arange(200) - position[:, None]
    burst = np.sin(2 * np.pi * frequency[:, None] * time) * np.exp(-((time / 25) ** 2))
    return burst + 0.2 * rng.normal(size=(count, 200)), frequency


@pytest.fixture(scope="module")
def new_regressor(fitted_pretrainer):
    """Return a function that makes an unfitted regressor; its arguments override the small settings."""
    small = {"pretrainer": FrozenEstimator(fitted_pretrainer), "batch_size": 16, "random_state": 0, "device": "cpu"}
    return lambda **params: MAERegressor(**{**small, **params})


def test_frequency_of_a_burst_at_a_random_position_is_predicted():
    X, y = noisy_bursts(120, seed=0)
    X_test, y_test = noisy_bursts(60, seed=1)
    # Measured R^2: 0.97. Predicting the mean gives 0.
    assert MAERegressor(random_state=0).fit(X, y).score(X_test, y_test) > 0.9


@pytest.mark.parametrize("finetune", ["head", "full"])
def test_fine_tuned_network_learns_the_target(new_regressor, finetune):
    X, y = noisy_bursts(120, seed=0)
    regressor = new_regressor(probe=False, finetune=finetune, max_epochs=30, lr=3e-3).fit(X, y)
    assert regressor.history_[-1]["train_loss"] < 0.5 * regressor.history_[0]["train_loss"]
    assert regressor.score(X, y) > 0.5


def test_predictions_shift_and_scale_with_the_target(new_regressor):
    X, y = noisy_bursts(40, seed=0)
    expected = new_regressor().fit(X, y).predict(X)
    assert_allclose(new_regressor().fit(X, 1e6 * y + 1e9).predict(X), 1e6 * expected + 1e9, rtol=1e-9, atol=1)


@pytest.mark.parametrize(
    "settings",
    [{}, {"finetune": "full", "max_epochs": 1}, {"probe": False, "finetune": "head", "max_epochs": 1}],
    ids=["probe", "probe-and-network", "network"],
)
def test_loaded_regressor_gives_the_same_predictions(new_regressor, tmp_path, settings):
    X, y = noisy_bursts(30, seed=0)
    regressor = new_regressor(**settings).fit(X, y)
    regressor.save(tmp_path / "regressor.safetensors")
    loaded = MAERegressor.load(tmp_path / "regressor.safetensors")
    assert_array_equal(loaded.predict(X), regressor.predict(X))


def test_mean_of_the_target_ignores_unlabelled_rows(new_regressor):
    X, y = noisy_bursts(40, seed=0)
    labelled = np.arange(40) % 2 == 0
    regressor = new_regressor(unlabeled=np.nan, probe=False, finetune="full", max_epochs=1)
    regressor.fit(X, np.where(labelled, y, np.nan))
    assert regressor.target_mean_ == pytest.approx(y[labelled].mean())


def test_samples_with_large_weights_have_smaller_errors(new_regressor):
    X, y = noisy_bursts(60, seed=0)
    has_large_weight = y < np.median(y)
    weighted = new_regressor().fit(X, y, np.where(has_large_weight, 100.0, 0.01)).predict(X)
    errors = np.abs(weighted - y)
    assert errors[has_large_weight].mean() < 0.5 * errors[~has_large_weight].mean()


INVALID_Y = {
    "text": (lambda y: np.where(y > 0.1, "fast", "slow"), "y contains values that are not numbers"),
    "nan": (lambda y: np.where(y > 0.19, np.nan, y), r"y has no value in [0-9]+ of 40 rows"),
    "shorter": (lambda y: y[:-1], "inconsistent numbers of samples"),
    "None": (lambda y: None, "requires y to be passed"),
    "None-in-object-array": (lambda y: np.array([None, *y[1:]], dtype=object), r"y has no value in 1 of 40 rows \(0\)"),
    "infinity": (lambda y: np.where(y > 0.19, np.inf, y).tolist(), "y contains infinity"),
    "too-large": (lambda y: np.sign(y - 0.1) * 1.7e308, "y contains values as large as 1.7e"),
}


@pytest.mark.parametrize(("make_invalid", "match"), INVALID_Y.values(), ids=INVALID_Y)
def test_invalid_targets_are_refused(new_regressor, refused, make_invalid, match):
    X, y = noisy_bursts(40, seed=0)
    regressor = new_regressor()
    with refused(regressor, match):
        regressor.fit(X, make_invalid(y))


@pytest.mark.parametrize("unit", [1e200, 1e-200])
@pytest.mark.parametrize(
    "settings", [{}, {"probe": False, "finetune": "head", "max_epochs": 1}], ids=["probe", "network"]
)
def test_targets_whose_squares_overflow_or_underflow_are_learned(new_regressor, unit, settings):
    X, y = noisy_bursts(20, seed=0)
    expected = new_regressor(**settings).fit(X, y).predict(X)
    assert_allclose(new_regressor(**settings).fit(X, unit * y).predict(X), unit * expected, rtol=1e-6)


def test_y_with_a_single_labelled_row_is_refused(new_regressor, refused):
    X, y = noisy_bursts(20, seed=0)
    y[1:] = np.nan
    regressor = new_regressor(unlabeled=np.nan)
    with refused(regressor, r"one row of y has both a target \(unlabeled=nan\) and a positive sample_weight"):
        regressor.fit(X, y)


def test_offset_of_a_signal_is_predicted_although_most_features_do_not_depend_on_it(new_regressor):
    """The target is an offset that is added to white noise. Wavelet coefficients do not depend on the offset."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=60)
    X = y[:, None] + rng.normal(size=(60, 200))
    # The mean of 200 samples estimates the offset with a standard error of 1 / sqrt(200). The variance of y is 1, so
    # R^2 is at most about 1 - 1 / 200.
    assert new_regressor().fit(X[:40], y[:40]).score(X[40:], y[40:]) > 0.97


def test_constant_target_is_predicted(new_regressor):
    X, _ = noisy_bursts(20, seed=0)
    assert_allclose(new_regressor().fit(X, np.full(20, 3.5)).predict(X), 3.5, atol=1e-5)
