"""Tests of AnomalyDisplay: drawn data, marked times and error messages."""

import matplotlib as mpl
import numpy as np
import pytest

from sktsmae import CWTTransformer, MAEAnomalyDetector
from sktsmae.plotting import AnomalyDisplay

mpl.use("agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture(scope="module")
def X():
    """Return waves of two channels and 120 samples."""
    rng = np.random.default_rng(0)
    phase = rng.uniform(0, 7, (20, 2, 1))
    return np.sin(np.arange(120) / 3 + phase) + 0.1 * rng.normal(size=(20, 2, 120))


@pytest.fixture(scope="module")
def detector(X):
    return MAEAnomalyDetector(sampling_rate=10).fit(X)


@pytest.fixture
def spiked(X):
    """Return a signal with a spike at sample 80 of channel 1."""
    x = X[0] + 0.01
    x[1, 80] += 3
    return x


def test_signal_profile_and_image_are_drawn(detector, spiked):
    display = AnomalyDisplay.from_estimator(detector, spiked, channel=1)
    signal, profile, image = display.axes_
    np.testing.assert_array_equal(signal.lines[0].get_ydata(), spiked[1])
    np.testing.assert_array_equal(profile.lines[0].get_ydata(), detector.anomaly_profile(spiked[None])[0])
    np.testing.assert_array_equal(image.collections[0].get_array().reshape(-1), display.image.ravel())
    assert image.get_xlabel() == "time (s)"
    np.testing.assert_allclose(signal.lines[0].get_xdata(), np.arange(120) / 10)


def test_times_above_the_threshold_are_marked(detector, spiked):
    display = AnomalyDisplay.from_estimator(detector, spiked, channel=1, threshold=2.0)
    (span,) = display.axes_[0].patches
    inside = np.flatnonzero(display.profile > 2)
    assert inside.min() <= 80 <= inside.max()
    # The type of a span, and so its methods, depend on the version of Matplotlib.
    extent = span.get_extents().transformed(display.axes_[0].transData.inverted())
    assert extent.x0 == pytest.approx((inside.min() - 0.5) / 10)
    assert extent.x1 == pytest.approx((inside.max() + 0.5) / 10)
    assert len(display.axes_[1].patches) == 1


def test_normal_signal_has_no_marks(detector, X):
    display = AnomalyDisplay.from_estimator(detector, X[3], threshold=5.0)
    assert not display.axes_[0].patches


def test_shorter_signal_with_a_gap_is_drawn_without_padding(detector, spiked):
    short = spiked[:, :100].copy()
    short[1, 20:23] = np.nan
    display = AnomalyDisplay.from_estimator(detector, short, channel=1)
    assert len(display.signal) == len(display.profile) == display.image.shape[1] == 100
    assert np.isfinite(display.image).all()


def test_other_estimators_and_missing_channels_are_refused(detector, X):
    with pytest.raises(ValueError, match=r"CWTTransformer has no profiles; give a fitted MAEAnomalyDetector\."):
        AnomalyDisplay.from_estimator(CWTTransformer().fit(X), X[0])
    with pytest.raises(ValueError, match="channel=2: the signal has 2 channel"):
        AnomalyDisplay.from_estimator(detector, X[0], channel=2)
