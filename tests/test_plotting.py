"""Displays draw what they are given."""

import matplotlib as mpl
import numpy as np
import pytest

from sktsmae import CWTTransformer, MAEPretrainer
from sktsmae.datasets import load_sparwatch
from sktsmae.plotting import ReconstructionDisplay, ScalogramDisplay

mpl.use("agg")


@pytest.fixture(scope="module")
def X():
    return load_sparwatch().data[:20]


@pytest.fixture(scope="module")
def pretrainer(X):
    return MAEPretrainer(embed_dim=32, depth=1, max_epochs=1, random_state=0).fit(X)


def drawn(axis):
    return axis.collections[0].get_array().reshape(-1)


def test_scalogram_display_draws_the_signal_and_its_views(X):
    transformer = CWTTransformer(cwt_scales=8, diff_orders=(0, 2)).fit(X)
    display = ScalogramDisplay.from_estimator(transformer, X[3], channel=4)
    np.testing.assert_array_equal(display.axes_[0].lines[0].get_ydata(), X[3, 4])
    images = transformer.transform(X[3:4])[0, 8:10]  # two views a channel
    for axis, image, name in zip(display.axes_[1:], images, ("signal", "second difference"), strict=True):
        np.testing.assert_array_equal(drawn(axis), image.ravel())
        assert axis.get_title() == f"CWT of the {name}"


def test_reconstruction_display_hides_what_was_masked(X, pretrainer):
    display = ReconstructionDisplay.from_estimator(pretrainer, X[0], channel=1)
    seen, rebuilt, true, _ = display.axes_
    assert 0.7 < display.mask.mean() < 0.8  # mask_ratio=0.75
    np.testing.assert_array_equal(np.ma.getmaskarray(drawn(seen)), display.mask.ravel())
    np.testing.assert_array_equal(drawn(true), display.image.ravel())
    expected = np.where(display.mask, display.image_pred, display.image)
    np.testing.assert_array_equal(drawn(rebuilt), expected.ravel())


def test_reconstruction_display_shows_the_standardised_signal(X, pretrainer):
    display = ReconstructionDisplay.from_estimator(pretrainer, X[0], channel=1)
    true, rebuilt = (line.get_ydata() for line in display.axes_[3].lines)
    expected = (X[0, 1] - X[0, 1].mean()) / X[0, 1].std(ddof=1)
    np.testing.assert_allclose(true, expected, atol=1e-5)  # float32 against float64
    np.testing.assert_array_equal(rebuilt, pretrainer.reconstruct(X[:1]).signal_pred[0, 1])


def test_display_draws_on_given_axes(X):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(4, 1)
    display = ScalogramDisplay.from_estimator(CWTTransformer(cwt_scales=8).fit(X), X[0], ax=axes)
    assert display.figure_ is figure


def test_wrong_number_of_axes_is_refused(X):
    import matplotlib.pyplot as plt

    with pytest.raises(ValueError, match=r"ax holds 1 axes; this display needs 4"):
        ScalogramDisplay.from_estimator(CWTTransformer(cwt_scales=8).fit(X), X[0], ax=plt.subplots()[1])
