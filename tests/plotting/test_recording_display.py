"""Tests of RecordingDisplay: drawn channels, labels and probabilities, and error messages."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from sktsmae import MAEClassifier, WindowedClassifier
from sktsmae.plotting import RecordingDisplay

mpl.use("agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture
def recording():
    """Return a recording of 60 samples, the second half of which is higher."""
    return np.repeat([0.0, 1.0], 30) + 0.01 * np.sin(np.arange(60))


@pytest.fixture
def windowed(recording):
    y = [[(0, 30, "low"), (30, 60, "high")]]
    return WindowedClassifier(LogisticRegression(), window=10, step=10, sampling_rate=10).fit([recording], y)


def test_recording_labels_and_probabilities_are_drawn(windowed, recording):
    display = RecordingDisplay.from_estimator(windowed, recording)
    signal, probabilities = display.axes_
    np.testing.assert_array_equal(signal.lines[0].get_ydata(), recording)
    np.testing.assert_allclose(signal.lines[0].get_xdata(), np.arange(60) / 10)
    high, low = signal.collections  # classes are sorted
    for band, limits in [(low, (-0.05, 2.95)), (high, (2.95, 5.95))]:
        (path,) = band.get_paths()  # neighbouring windows with the same label are joined
        np.testing.assert_allclose((path.vertices[:, 0].min(), path.vertices[:, 0].max()), limits)
    assert tuple(high.get_facecolor()[0, :3]) != tuple(low.get_facecolor()[0, :3])
    image = probabilities.collections[0].get_array()
    np.testing.assert_allclose(image[:, ::2, 3], windowed.predict_windows([recording])[0].proba.T)
    np.testing.assert_allclose(image[0, 0, :3], high.get_facecolor()[0, :3])
    assert [label.get_text() for label in probabilities.get_yticklabels()] == ["high", "low"]
    assert probabilities.get_xlabel() == "time (s)"


@pytest.mark.parametrize("convert", [lambda x: pd.DataFrame(x.T), torch.from_numpy, lambda x: x.tolist()])
def test_recording_may_be_given_in_several_containers(recording, convert):
    x = np.stack([recording, -recording])
    constant = WindowedClassifier(DummyClassifier(), window=10).fit([x, x], [0, 1])
    display = RecordingDisplay.from_estimator(constant, convert(x))
    np.testing.assert_array_equal(display.recording, x)
    assert len(display.axes_[0].lines) == 2


def test_each_of_two_windows_covers_half_of_their_overlap(windowed, recording):
    display = RecordingDisplay.from_estimator(windowed.set_params(step=4, sampling_rate=None), recording)
    edges = display.axes_[1].collections[0].get_coordinates()[0, :, 0]
    np.testing.assert_array_equal(edges[:6], [-0.5, 6.5, 6.5, 10.5, 10.5, 14.5])
    assert edges[-1] == 59.5
    assert display.axes_[1].get_xlabel() == "time (samples)"


def test_times_between_windows_are_not_coloured(windowed, recording):
    display = RecordingDisplay.from_estimator(windowed.set_params(step=20, sampling_rate=None), recording)
    mesh = display.axes_[1].collections[0]
    np.testing.assert_array_equal(mesh.get_coordinates()[0, :4, 0], [-0.5, 9.5, 19.5, 29.5])
    assert (mesh.get_array()[:, 1, 3] == 0).all()
    assert len(display.axes_[0].collections[1].get_paths()) == 2


def test_channels_are_drawn_below_each_other(recording):
    X = [np.stack([recording, 100 * recording, np.zeros(60)])]
    display = RecordingDisplay(X[0], np.array([0]), np.array([60]), np.array([[0.2, 0.8]]), np.array(["a", "b"])).plot()
    lines = [line.get_ydata() for line in display.axes_[0].lines]
    np.testing.assert_allclose(lines[0] - lines[1], np.full(60, lines[0].mean() - lines[1].mean()))
    assert lines[0].mean() > lines[1].mean() > lines[2].mean()
    assert display.axes_[0].get_ylabel() == "channel"


def test_long_recording_is_drawn_by_its_extremes():
    x = np.random.default_rng(0).normal(size=50_001)
    x[40_000], x[:10_000] = 30, np.nan
    display = RecordingDisplay(x, np.array([10_000]), np.array([50_001]), np.ones((1, 1)), np.array(["a"])).plot()
    drawn = display.axes_[0].lines[0].get_ydata()
    assert len(drawn) <= 4000
    assert (np.nanmin(drawn), np.nanmax(drawn)) == (np.nanmin(x), 30)
    assert display.axes_[0].lines[0].get_xdata()[np.nanargmax(drawn)] == pytest.approx(40_000, abs=50)
    display.figure_.canvas.draw()


def test_many_classes_and_given_axes_are_drawn(recording):
    import matplotlib.pyplot as plt

    axes = plt.subplots(2)[1]
    proba = np.full((1, 25), 0.04)
    display = RecordingDisplay(recording, np.array([0]), np.array([60]), proba, np.arange(25)).plot(ax=axes)
    assert display.axes_[0] is axes[0]
    assert len(display.axes_[1].get_yticks()) == 25


def test_other_estimators_and_several_recordings_are_refused(windowed, recording):
    with pytest.raises(ValueError, match=r"MAEClassifier has no windows; give a fitted WindowedClassifier\."):
        RecordingDisplay.from_estimator(MAEClassifier(), recording)
    with pytest.raises(ValueError, match=r"x has shape \(2, 1, 60\); give one recording"):
        RecordingDisplay.from_estimator(windowed, np.ones((2, 1, 60)))
