"""Tests of MAEAnomalyDetector, which learns from normal signals and detects anomalous ones."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from safetensors import safe_open
from safetensors.torch import save_file
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sktsmae import MAEAnomalyDetector, MAEClassifier
from sktsmae.training import novelty


def waves(count: int, period: float = 20.0, seed: int = 0) -> np.ndarray:
    """Return noisy sine waves of random phase with 100 samples, and nearly the given period."""
    rng = np.random.default_rng(seed)
    phase, period = rng.uniform(0, 7, (count, 1)), period * rng.uniform(0.95, 1.05, (count, 1))
    return np.sin(2 * np.pi * np.arange(100) / period + phase) + 0.1 * rng.normal(size=(count, 100))


@pytest.fixture(scope="module")
def detector() -> MAEAnomalyDetector:
    """Return a detector fitted on 40 waves. Tests must not change it."""
    return MAEAnomalyDetector(device="cpu").fit(waves(40))


def test_waves_of_another_period_are_outliers_and_new_waves_are_inliers(detector):
    assert (detector.predict(waves(40, seed=1)) == 1).mean() > 0.9  # measured: 1.0
    assert (detector.predict(waves(20, period=14, seed=2)) == -1).all()


def test_exercises_are_told_apart(many, new_persons):
    normal = many.target == "ROW"
    detector = MAEAnomalyDetector().fit(many.data[normal])
    # Measured: 0.99.
    assert roc_auc_score(new_persons.target == "ROW", detector.score_samples(new_persons.data)) > 0.9


def test_predictions_follow_from_the_scores(detector):
    X = np.concatenate([waves(5, seed=1), waves(5, period=14, seed=2)])
    scores = detector.score_samples(X)
    assert scores.dtype == np.float64
    assert_array_equal(detector.decision_function(X), scores - detector.offset_)
    assert_array_equal(detector.predict(X), np.where(scores >= detector.offset_, 1, -1))


def test_signals_of_the_fit_have_the_scores_of_new_signals():
    X, new = waves(80), waves(80, seed=1)
    detector = MAEAnomalyDetector().fit(X)
    # Without the leave-one-out formula, the difference of the medians would be 1.1.
    assert abs(np.median(detector.score_samples(X)) - np.median(detector.score_samples(new))) < 0.05
    assert np.median(detector.score_samples(X)) == pytest.approx(0, abs=0.05)


def test_score_of_a_signal_of_the_fit_is_close_to_that_of_a_fit_without_it():
    X = waves(40)
    detector, without = MAEAnomalyDetector().fit(X), MAEAnomalyDetector().fit(X[1:])
    assert_allclose(detector.score_samples(X[:1]), without.score_samples(X[:1]), atol=0.1)


@pytest.mark.parametrize("contamination", [0.05, 0.25, 0.5])
def test_contamination_is_the_fraction_of_outliers_in_the_fit(contamination):
    predicted = MAEAnomalyDetector(contamination=contamination).fit_predict(waves(40))
    assert (predicted == -1).sum() == contamination * 40


def test_a_few_anomalies_in_the_fit_are_found():
    X = np.concatenate([waves(38), waves(1, period=14), waves(1, period=40)])
    assert_array_equal(MAEAnomalyDetector(contamination=0.05).fit_predict(X), np.repeat([1, -1], [38, 2]))


def test_signals_may_have_channels_gaps_and_unequal_lengths(X_channels):
    signals = [signal[:, : 150 + number] for number, signal in enumerate(X_channels)]
    signals[0] = signals[0].copy()
    signals[0][0, 40:45] = np.nan
    detector = MAEAnomalyDetector().fit(signals)
    assert detector.input_shape_ == (2, 190)
    assert np.isfinite(detector.score_samples(signals[:7])).all()
    assert_allclose(detector.score_samples(signals[:7]), detector.score_samples(signals)[:7], atol=1e-6)


def test_a_large_offset_of_the_signals_is_subtracted_before_the_conversion_to_float32():
    X, new = waves(30), waves(5, seed=1)
    expected = MAEAnomalyDetector().fit(X - X.mean()).score_samples(new - X.mean())
    actual = MAEAnomalyDetector().fit(X + 1e7)
    assert actual.channel_offset_ == pytest.approx(1e7, abs=1)
    assert_allclose(actual.score_samples(new + 1e7), expected, atol=0.05)
    assert isinstance(actual.offset_, float)


def test_covariance_is_learned_from_a_subset_of_many_signals(monkeypatch):
    monkeypatch.setattr(novelty, "_MAX_SIGNALS", 20)
    detector = MAEAnomalyDetector().fit(waves(50))
    assert len(detector.model_.fingerprints) == 20
    assert np.isfinite(detector.score_samples(waves(50))).all()


def test_kinds_of_features_can_be_searched():
    X = np.concatenate([waves(30), waves(10, seed=1), waves(10, period=17)])
    split = PredefinedSplit(np.repeat([-1, 0], [30, 20]))
    grid = {"features": [("summary",), ("statistics",)]}
    search = GridSearchCV(MAEAnomalyDetector(), grid, scoring="roc_auc", cv=split, refit=False)
    search.fit(X, np.repeat([1, -1], [40, 10]))
    summary, statistics = search.cv_results_["mean_test_score"]
    assert statistics > summary


def test_detector_is_the_last_step_of_a_pipeline(detector):
    pipeline = make_pipeline(FunctionTransformer(), MAEAnomalyDetector()).fit(waves(40))
    assert_array_equal(pipeline.predict(waves(5, seed=1)), detector.predict(waves(5, seed=1)))


@pytest.fixture
def spiked() -> np.ndarray:
    """Return new waves with a spike at sample 60."""
    X = waves(5, seed=1)
    X[:, 60] += 3
    return X


def test_profile_is_largest_at_the_anomaly(detector, spiked):
    profile = detector.anomaly_profile(spiked)
    assert profile.shape == (5, 100)
    assert profile.dtype == np.float32
    assert (np.abs(profile.argmax(1) - 60) <= 10).all()
    assert (profile.max(1) > 2).all()
    assert abs(np.median(detector.anomaly_profile(waves(20, seed=2)))) < 0.3


def test_profile_of_channels_is_their_maximum(spiked):
    normal, other = waves(40), waves(40, period=14, seed=3)
    alone = MAEAnomalyDetector(window_length=20).fit(normal).anomaly_profile(spiked)
    both = MAEAnomalyDetector(window_length=20).fit(np.stack([normal, other], 1))
    profile = both.anomaly_profile(np.stack([spiked, other[:5]], 1))
    assert (np.abs(profile.argmax(1) - 60) <= 10).all()
    assert (profile >= alone - 1e-3).all()


def test_profile_of_a_signal_of_the_fit_does_not_use_its_own_windows(detector):
    X = waves(40)
    moved = X[:10] + 1e-4  # new signals, whose windows have neighbours at distance 0
    assert detector.anomaly_profile(X[:10]).mean() > detector.anomaly_profile(moved).mean() + 0.05


def test_profile_of_padding_is_nan(detector, spiked):
    spiked[:, :10] = np.nan
    profile = detector.anomaly_profile(spiked)
    assert np.isnan(profile[:, :10]).all()
    assert np.isfinite(profile[:, 10:]).all()


def test_default_window_is_the_dominant_period(detector):
    assert abs(detector.profile_.window_length - 20) <= 1
    assert MAEAnomalyDetector(window_length=7).fit(waves(5)).profile_.window_length == 7


def test_without_windows_there_is_no_profile(tmp_path):
    detector = MAEAnomalyDetector(window_length=None).fit(waves(5))
    detector.save(tmp_path / "detector.safetensors")
    for fitted in (detector, MAEAnomalyDetector.load(tmp_path / "detector.safetensors")):
        with pytest.raises(ValueError, match="window_length=None in fit: fit with window_length='auto'"):
            fitted.anomaly_profile(waves(2))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda fitted: pickle.loads(pickle.dumps(fitted))])
def test_copy_gives_the_same_scores(detector, duplicate):
    X = np.concatenate([waves(40)[:3], waves(3, seed=1)])
    assert_array_equal(duplicate(detector).score_samples(X), detector.score_samples(X))


def test_clone_of_a_fitted_detector_is_unfitted(detector):
    assert not hasattr(clone(detector), "model_")


def test_loaded_detector_gives_the_same_scores(tmp_path, X_channels):
    detector = MAEAnomalyDetector(features=("statistics", "summary"), contamination=0.1, sampling_rate=50)
    detector.fit(X_channels)
    detector.save(tmp_path / "detector.safetensors")
    loaded = MAEAnomalyDetector.load(tmp_path / "detector.safetensors")
    assert_array_equal(loaded.decision_function(X_channels), detector.decision_function(X_channels))
    assert_array_equal(loaded.anomaly_profile(X_channels), detector.anomaly_profile(X_channels))
    assert (loaded.contamination, loaded.sampling_rate, loaded.offset_) == (0.1, 50, detector.offset_)
    assert list(loaded.features) == ["statistics", "summary"]
    loaded.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "detector.safetensors").read_bytes()


def test_file_of_another_class_is_refused(detector, tmp_path):
    detector.save(tmp_path / "detector.safetensors")
    with pytest.raises(ValueError, match="kind 'anomaly_detector', but the kind 'classifier' is required"):
        MAEClassifier.load(tmp_path / "detector.safetensors")


@pytest.mark.parametrize(
    "change",
    [
        lambda metadata: metadata["settings"].update(n_samples=10**12),
        lambda metadata: metadata["settings"].update(n_samples="x"),
        lambda metadata: metadata["settings"].update(features=["unknown"]),
        lambda metadata: metadata["settings"].update(features=[]),
        lambda metadata: metadata["settings"].pop("features"),
        lambda metadata: metadata["settings"].update(profile=[51, 3000]),
        lambda metadata: metadata["settings"].update(profile=[20, 10**12]),
        lambda metadata: metadata["settings"].update(profile=None),
        lambda metadata: metadata["estimator"]["params"].update(contamination=2.0),
        lambda metadata: metadata["estimator"]["params"].update(unknown=1),
        lambda metadata: metadata["estimator"]["fitted"].update(input_shape_=[10**9, 10**9]),
        lambda metadata: metadata["estimator"]["fitted"].update(offset_=[1.0, 2.0]),
        lambda metadata: metadata["estimator"]["fitted"].pop("offset_"),
    ],
)
def test_damaged_metadata_is_refused(detector, tmp_path, change):
    path = tmp_path / "detector.safetensors"
    detector.save(path)
    with safe_open(path, "pt") as file:
        metadata = json.loads(file.metadata()["sktsmae"])
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - `file` is not iterable
    change(metadata)
    save_file(state, path, {"sktsmae": json.dumps(metadata)})
    with pytest.raises(ValueError, match=r"detector\.safetensors"):
        MAEAnomalyDetector.load(path)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"features": ("statistics", "unknown")}, r"features=.*give one or more of 'summary', 'statistics'"),
        ({"features": ("embedding",)}, "features=.*each at most once"),
        ({"features": ("shapelets",)}, "features=.*each at most once"),  # training signals contain the shapelets
        ({"features": ()}, "features=.*give one or more"),
        ({"features": ["summary", "summary"]}, "features=.*each at most once"),
        ({"contamination": 0.0}, "'contamination' parameter"),
        ({"contamination": 0.6}, "'contamination' parameter"),
        ({"batch_size": 0}, "'batch_size' parameter"),
        ({"window_length": 51}, "window_length=51 is more than half of the signal length 100; give at most 50"),
    ],
)
def test_invalid_parameters_are_refused(refused, params, message):
    detector = MAEAnomalyDetector(**params)
    with refused(detector, message):
        detector.fit(waves(5))


def test_failed_fit_leaves_the_detector_unchanged(detector, refused):
    fitted = copy.deepcopy(detector)
    with refused(fitted, "which is a spectrogram; give signals"):
        fitted.fit(np.zeros((4, 3, 5, 20)))
    with refused(fitted, "minimum of 2 is required"):
        fitted.fit(waves(1))
