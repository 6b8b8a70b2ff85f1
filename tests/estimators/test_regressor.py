"""Numbers from signals: extrinsic regression."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.frozen import FrozenEstimator

from sktsmae import MAERegressor


def bursts(count, seed):
    """Signals in which a burst swings at some rate, in noise; and the rates, in cycles a sample."""
    rng = np.random.default_rng(seed)
    rate, place = rng.uniform(0.03, 0.2, count), rng.uniform(50, 150, count)
    time = np.arange(200) - place[:, None]
    return np.sin(2 * np.pi * rate[:, None] * time) * np.exp(-((time / 25) ** 2)) + 0.2 * rng.normal(
        size=(count, 200)
    ), rate


@pytest.fixture(scope="module")
def new(fitted_pretrainer):
    """Make an unfitted regressor of small settings, or of others."""
    small = {"pretrainer": FrozenEstimator(fitted_pretrainer), "batch_size": 16, "random_state": 0, "device": "cpu"}
    return lambda **params: MAERegressor(**{**small, **params})


def test_the_rate_of_a_burst_is_found_wherever_it_is():
    X, y = bursts(120, seed=0)
    X_test, y_test = bursts(60, seed=1)
    # With noise a fifth as large as the burst 0.97 was measured; the mean alone would have 0.
    assert MAERegressor(random_state=0).fit(X, y).score(X_test, y_test) > 0.9


@pytest.mark.parametrize("finetune", ["head", "full"])
def test_networks_learn_numbers_too(new, finetune):
    X, y = bursts(120, seed=0)
    regressor = new(probe=False, finetune=finetune, max_epochs=30, lr=3e-3).fit(X, y)
    assert regressor.history_[-1]["train_loss"] < 0.5 * regressor.history_[0]["train_loss"]
    assert regressor.score(X, y) > 0.5


def test_units_of_the_target_make_no_difference(new):
    X, y = bursts(40, seed=0)
    expected = new().fit(X, y).predict(X)
    assert_allclose(new().fit(X, 1e6 * y + 1e9).predict(X), 1e6 * expected + 1e9, rtol=1e-9, atol=1)


@pytest.mark.parametrize("settings", [{}, {"finetune": "full", "max_epochs": 1}, {"probe": False, "finetune": "head"}])
def test_a_file_says_the_same(new, tmp_path, settings):
    X, y = bursts(30, seed=0)
    regressor = new(**{"max_epochs": 1, **settings}).fit(X, y)
    regressor.save(tmp_path / "regressor.safetensors")
    again = MAERegressor.load(tmp_path / "regressor.safetensors")
    assert_array_equal(again.predict(X), regressor.predict(X))


def test_rows_without_a_target_serve_pre_training_alone(new):
    X, y = bursts(40, seed=0)
    known = np.arange(40) % 2 == 0
    regressor = new(unlabeled=np.nan, probe=False, finetune="full", max_epochs=1).fit(X, np.where(known, y, np.nan))
    assert regressor.target_mean_ == pytest.approx(y[known].mean())


def test_weights_count(new):
    X, y = bursts(60, seed=0)
    low = y < np.median(y)
    weighted = new().fit(X, y, np.where(low, 100.0, 0.01)).predict(X)
    errors = np.abs(weighted - y)
    assert errors[low].mean() < 0.5 * errors[~low].mean()


BAD_Y = {
    "text": (lambda y: np.where(y > 0.1, "fast", "slow"), "y holds what is no number"),
    "nan": (lambda y: np.where(y > 0.19, np.nan, y), "y contains NaN"),
    "shorter": (lambda y: y[:-1], "inconsistent numbers of samples"),
    "none": (lambda y: None, "requires y to be passed"),
    "nan among objects": (lambda y: np.array([None, *y[1:]], dtype=object), "y contains NaN"),
    "infinite": (lambda y: np.where(y > 0.19, np.inf, y).tolist(), "y contains infinity"),
    "too large": (lambda y: np.sign(y - 0.1) * 1.7e308, "y holds values as large as 1.7e"),
}


@pytest.mark.parametrize(("make", "match"), BAD_Y.values(), ids=BAD_Y)
def test_targets_that_are_refused(new, refused, make, match):
    X, y = bursts(40, seed=0)
    regressor = new()
    with refused(regressor, match):
        regressor.fit(X, make(y))


@pytest.mark.parametrize("unit", [1e200, 1e-200])
@pytest.mark.parametrize("settings", [{}, {"probe": False, "finetune": "head", "max_epochs": 1}])
def test_units_whose_square_is_no_number_make_no_difference(new, unit, settings):
    X, y = bursts(20, seed=0)
    expected = new(**settings).fit(X, y).predict(X)
    assert_allclose(new(**settings).fit(X, unit * y).predict(X), unit * expected, rtol=1e-6)


def test_one_row_with_a_target_is_refused(new, refused):
    X, y = bursts(20, seed=0)
    y[1:] = np.nan
    regressor = new(unlabeled=np.nan)
    with refused(regressor, r"one row of y has both a target \(unlabeled=nan\) and a positive sample_weight"):
        regressor.fit(X, y)


def test_levels_are_found_among_thousands_of_features_of_shapes(new):
    """White noise about a level: what wavelets see says nothing of it."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=60)
    X = y[:, None] + rng.normal(size=(60, 200))
    # The mean of 200 values is off by 0.07 of a deviation of the levels, which leaves 0.995.
    assert new().fit(X[:40], y[:40]).score(X[40:], y[40:]) > 0.97


def test_a_constant_target_is_predicted(new):
    X, _ = bursts(20, seed=0)
    assert_allclose(new().fit(X, np.full(20, 3.5)).predict(X), 3.5, atol=1e-5)
