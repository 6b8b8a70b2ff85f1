"""Tests of linear models on so many samples that only sums over them are kept."""

import copy

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge

from sktsmae.models import CompetingKernels, LinearProbe, SummaryStatistics, WaveletStatistics
from sktsmae.training import feature_sums, ridge, streamed_features
from sktsmae.training.features import block_factors, fits_in_memory
from sktsmae.training.probe import fit_regressor_probe
from sktsmae.training.ridge import ALPHAS
from sktsmae.training.streamed_features import StreamedFeatures

ARGUMENTS = 64, torch.device("cpu"), lambda step: None  # batch size, device, progress


@pytest.fixture
def samples(few):
    """Return 82 signals, targets and weights."""
    X = np.concatenate([few.data[:, channel, :60] for channel in range(2)])
    rng = np.random.default_rng(0)
    return X, rng.normal(size=(len(X), 1)) + X[:, :1], rng.uniform(0.5, 2, len(X)).astype(np.float32)


@pytest.fixture
def probe(monkeypatch):
    """Return a probe on three kinds of features, the last two of which are projected."""
    monkeypatch.setattr(streamed_features, "WIDTH", 256)
    kinds = {
        "summary": SummaryStatistics(1),
        "statistics": WaveletStatistics(1, 60),
        "competition": CompetingKernels(1, 60),
    }
    return LinearProbe(kinds, num_outputs=1)


def fit_streamed(probe, samples):
    """Return the streamed features, and the fitted models."""
    X, targets, weights = samples
    streamed = StreamedFeatures(probe, X, np.arange(len(X)), weights, *ARGUMENTS, np.zeros(len(X), int), seed=0)
    return streamed, list(streamed.fit_models(targets, weights, np.ones(len(streamed.rows), dtype=bool)))


def test_models_are_ridge_regressions_of_scikit_learn_on_the_whole_matrix(probe, samples):
    X, targets, weights = samples
    streamed, fits = fit_streamed(probe, samples)
    for (names, _), fit in zip(probe.inputs, fits, strict=True):
        kinds = [streamed.matrix.kinds[name] for name in names]
        factors = block_factors(probe, names, [probe.features[name].out_features for name in names])
        values = [kind.transform(torch.from_numpy(X)).double().numpy() for kind in kinds]
        whole = np.concatenate([factor * value for factor, value in zip(factors, values, strict=True)], axis=1)
        features = [probe.features[name](torch.from_numpy(X)) for name in names]
        standardized = ((torch.cat(features, dim=1) - fit.mean) / fit.scale).double().numpy()
        predicted = np.concatenate([standardized, np.abs(standardized) / 2], axis=1) @ fit.weight.T + fit.bias
        differences = [
            np.abs(Ridge(alpha).fit(whole, targets, weights).predict(whole).reshape(-1, 1) - predicted).max()
            for alpha in ALPHAS
        ]
        assert min(differences) < 1e-3 * targets.std()  # the features are float32


def test_models_do_not_depend_on_the_size_of_the_chunks(probe, samples, monkeypatch):
    expected = fit_streamed(copy.deepcopy(probe), samples)[1]
    monkeypatch.setattr(feature_sums, "_CHUNK_SAMPLES", 10)
    for fit, whole in zip(fit_streamed(probe, samples)[1], expected, strict=True):
        assert_allclose(fit.weight, whole.weight, atol=1e-6 * np.abs(whole.weight).max())
        assert_allclose(fit.loo, whole.loo, rtol=1e-5)


def test_all_samples_are_used_but_leave_one_out_predictions_are_those_of_a_subset(probe, samples, monkeypatch):
    monkeypatch.setattr(ridge, "ALPHAS", np.array([10.0]))  # the subset could choose another penalty
    everything, expected = fit_streamed(copy.deepcopy(probe), samples)
    monkeypatch.setattr(streamed_features, "LOO_SAMPLES", 60)
    streamed, fits = fit_streamed(probe, samples)
    assert len(streamed.rows) == 60 < len(everything.rows) == len(samples[0])
    for fit, whole in zip(fits, expected, strict=True):
        assert_allclose(fit.weight, whole.weight, atol=1e-6 * np.abs(whole.weight).max())
        assert_allclose(fit.loo, whole.loo[streamed.rows], rtol=1e-5)


def test_features_of_many_samples_or_many_channels_are_not_kept_in_memory():
    one_channel, many_channels = [SummaryStatistics(1), WaveletStatistics(1, 60)], [WaveletStatistics(64, 60)]
    assert fits_in_memory(one_channel, 10_000)
    assert not fits_in_memory(one_channel, 10_001)
    assert fits_in_memory(many_channels, 1000)
    assert not fits_in_memory(many_channels, 2000)


def test_an_extreme_sample_changes_the_models_only_a_little(probe, samples):
    X, targets, weights = samples
    _, fits = fit_streamed(copy.deepcopy(probe), samples)
    extreme = X.copy()
    extreme[41] *= 1e6
    _, changed = fit_streamed(probe, (extreme, targets, weights))
    others = np.arange(len(X)) != 41
    for fit, other in zip(fits, changed, strict=True):
        error, error_changed = (np.abs(model.loo - targets)[others].mean() for model in (fit, other))
        assert error_changed < 2 * error


def test_standardised_features_are_limited_in_the_fitted_probe(probe, samples):
    X, targets, weights = samples
    streamed = StreamedFeatures(probe, X, np.arange(len(X)), weights, *ARGUMENTS, np.zeros(len(X), int), seed=0)
    fit_regressor_probe(probe, streamed, targets[:, 0], weights)
    assert {float(linear.basis.limit) for linear in probe.linear} == {10.0}
