"""Tests of the displays: drawn data, axes, titles and error messages."""

import matplotlib as mpl
import numpy as np
import pytest

from sktsmae import CWTTransformer, MAEClassifier, MAEPretrainer
from sktsmae.datasets import load_sparwatch
from sktsmae.plotting import (
    EnsembleDisplay,
    HistoryDisplay,
    ReconstructionDisplay,
    RelevanceDisplay,
    ScalogramDisplay,
)

mpl.use("agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture(scope="module")
def X():
    return load_sparwatch().data[:20]


@pytest.fixture(scope="module")
def y():
    return np.arange(20) % 2


@pytest.fixture(scope="module")
def params():
    """Return parameters of a classifier that fine-tunes a small network quickly."""
    small = MAEPretrainer(embed_dim=32, depth=1, max_epochs=0, random_state=0)
    return {"pretrainer": small, "probe": False, "finetune": "full", "max_epochs": 2, "random_state": 0}


@pytest.fixture(scope="module")
def classifier(params, X, y):
    return MAEClassifier(**params).fit(X, y)


@pytest.fixture(scope="module")
def pretrainer(X):
    return MAEPretrainer(embed_dim=32, depth=1, max_epochs=1, random_state=0).fit(X)


def drawn_values(axis):
    """Return the values of the image in an axis."""
    return axis.collections[0].get_array().reshape(-1)


def test_scalogram_display_draws_the_signal_and_its_views(X):
    transformer = CWTTransformer(cwt_scales=8, diff_orders=(0, 2)).fit(X)
    display = ScalogramDisplay.from_estimator(transformer, X[3], channel=4)
    np.testing.assert_array_equal(display.axes_[0].lines[0].get_ydata(), X[3, 4])
    images = transformer.transform(X[3:4])[0, 8:10]  # the two views of channel 4
    for axis, image, name in zip(display.axes_[1:], images, ("signal", "second difference"), strict=True):
        np.testing.assert_array_equal(drawn_values(axis), image.ravel())
        assert axis.get_title() == f"CWT of the {name}"


def test_reconstruction_display_draws_masked_and_reconstructed_images(X, pretrainer):
    display = ReconstructionDisplay.from_estimator(pretrainer, X[0], channel=1)
    masked, reconstructed, original, _ = display.axes_
    assert 0.7 < display.mask.mean() < 0.8  # mask_ratio is 0.75
    np.testing.assert_array_equal(np.ma.getmaskarray(drawn_values(masked)), display.mask.ravel())
    np.testing.assert_array_equal(drawn_values(original), display.image.ravel())
    expected = np.where(display.mask, display.image_pred, display.image)
    np.testing.assert_array_equal(drawn_values(reconstructed), expected.ravel())


def test_reconstruction_display_draws_the_standardised_signal(X, pretrainer):
    display = ReconstructionDisplay.from_estimator(pretrainer, X[0], channel=1)
    original, reconstruction = (line.get_ydata() for line in display.axes_[3].lines)
    expected = (X[0, 1] - X[0, 1].mean()) / X[0, 1].std(ddof=1)
    np.testing.assert_allclose(original, expected, atol=1e-5)  # rounding errors of float32
    np.testing.assert_array_equal(reconstruction, pretrainer.reconstruct(X[:1]).signal_pred[0, 1])


@pytest.mark.parametrize("sampling_rate", [None, 50])
@pytest.mark.parametrize("cwt_scales", ["auto", 32, [2.5, 3.0, 8.0], [3.0]])
def test_scales_have_rows_of_equal_height_and_the_smallest_scale_is_at_the_top(X, cwt_scales, sampling_rate):
    transformer = CWTTransformer(cwt_scales=cwt_scales).fit(X)
    display = ScalogramDisplay.from_estimator(transformer, X[0], sampling_rate=sampling_rate)
    scales = transformer.scales_
    row_values = scales if sampling_rate is None else np.sqrt(2) * 50 / (2 * np.pi * scales)
    for axis in display.axes_[1:]:
        edges = axis.collections[0].get_coordinates()[:, 0, 1]
        np.testing.assert_array_equal(edges, np.arange(len(scales) + 1) - 0.5)
        assert axis.get_ylim() == (len(scales) - 0.5, -0.5)  # the first scale is at the top
        assert axis.get_ylabel() == ("scale (samples)" if sampling_rate is None else "frequency (Hz)")
        numbers = [float(label.get_text()) for label in axis.get_yticklabels()]
        assert len(numbers) >= min(2, len(scales))
        for position, number in zip(axis.get_yticks(), numbers, strict=True):
            expected = np.exp(np.interp(position, np.arange(len(scales)), np.log(row_values)))
            assert number == pytest.approx(expected, rel=0.01)  # labels have at least three significant digits


def test_lower_part_of_an_image_with_few_scales_has_a_tick(X):
    display = ScalogramDisplay.from_estimator(CWTTransformer(cwt_scales=[0.1, 1.1, 2.1, 3.1, 4.1]).fit(X), X[0])
    labels = [label.get_text() for label in display.axes_[1].get_yticklabels()]
    assert (display.axes_[1].get_yticks()[0], labels[0]) == (4, "4.1")


def test_time_axis_shows_seconds_if_sampling_rate_is_given(X):
    display = ScalogramDisplay.from_estimator(CWTTransformer().fit(X), X[0], sampling_rate=50)
    assert display.axes_[-1].get_xlabel() == "time (s)"
    assert display.axes_[-1].get_xlim() == (0, 199 / 50)
    np.testing.assert_allclose(display.axes_[0].lines[0].get_xdata(), np.arange(200) / 50)
    assert ScalogramDisplay.from_estimator(CWTTransformer().fit(X), X[0]).axes_[-1].get_xlabel() == "time (samples)"


def test_default_sampling_rate_is_the_sampling_rate_of_the_estimator(X, pretrainer, classifier):
    transformer = CWTTransformer().fit(X)
    for display, estimator in (
        (ScalogramDisplay, transformer),
        (ReconstructionDisplay, pretrainer),
        (RelevanceDisplay, classifier),
    ):
        assert display.from_estimator(estimator, X[0]).sampling_rate is None
        estimator.sampling_rate = 25
        assert display.from_estimator(estimator, X[0]).sampling_rate == 25
        assert display.from_estimator(estimator, X[0], sampling_rate=50).sampling_rate == 50
        del estimator.sampling_rate


def test_frequency_labels_do_not_exceed_half_the_sampling_rate(X):
    display = ScalogramDisplay.from_estimator(CWTTransformer(cwt_scales=16).fit(X), X[0], sampling_rate=50)
    frequencies = [float(label.get_text()) for label in display.axes_[1].get_yticklabels()]
    assert max(frequencies) <= 25  # by the formula, the first scale, 0.1 samples, has 113 Hz


@pytest.mark.parametrize("sampling_rate", [0, -1, np.nan, np.inf, "fast"])
def test_invalid_sampling_rate_raises(X, sampling_rate):
    with pytest.raises(ValueError, match=f"sampling_rate={sampling_rate!r}: give a positive number in Hz"):
        ScalogramDisplay.from_estimator(CWTTransformer(cwt_scales=8).fit(X), X[0], sampling_rate=sampling_rate)


@pytest.mark.parametrize(("standardize", "label"), [(True, "standardised\ncoefficient"), (False, "coefficient")])
def test_label_of_the_colour_bar_depends_on_standardize(X, standardize, label):
    transformer = CWTTransformer(cwt_scales=8, standardize=standardize).fit(X)
    display = ScalogramDisplay.from_estimator(transformer, X[0])
    assert display.axes_[1].child_axes[0].get_ylabel() == label


def test_time_axes_are_aligned_despite_colour_bars(X):
    display = ScalogramDisplay.from_estimator(CWTTransformer(cwt_scales=8).fit(X), X[0])
    display.figure_.canvas.draw()
    left_and_right = [(axis.get_position().x0, axis.get_position().x1) for axis in display.axes_]
    np.testing.assert_allclose(left_and_right, [left_and_right[0]] * 4)


def test_scalogram_display_needs_output_image(X):
    with pytest.raises(ValueError, match=r"output='statistics'; give a fitted CWTTransformer\(output='image'"):
        ScalogramDisplay.from_estimator(CWTTransformer(output="statistics").fit(X[:, 0]), X[0, 0])


@pytest.mark.parametrize("channel", [6, -7])
def test_channel_that_does_not_exist_raises(X, pretrainer, classifier, channel):
    transformer = CWTTransformer(cwt_scales=8).fit(X)
    for display, estimator in (
        (ScalogramDisplay, transformer),
        (ReconstructionDisplay, pretrainer),
        (RelevanceDisplay, classifier),
    ):
        with pytest.raises(ValueError, match=rf"channel={channel}: the signal has 6 channel"):
            display.from_estimator(estimator, X[0], channel=channel)


def test_reconstruction_of_a_resampled_signal_has_the_original_time_axis(X):
    display = ReconstructionDisplay.from_estimator(MAEPretrainer.from_pretrained(), X[0, 0], sampling_rate=50)
    assert len(display.signal) == 512
    np.testing.assert_allclose(display.axes_[3].lines[0].get_xdata()[[0, -1]], [0, 199 / 50])
    # The first scale is 0.7 samples of the resampled signal.
    np.testing.assert_allclose(display.scales[0], 0.7 * 199 / 511)


def test_reconstruction_of_a_spectrogram_has_scale_indices(X):
    images = CWTTransformer(cwt_scales=8).fit_transform(X[:, :1])
    pretrainer = MAEPretrainer(embed_dim=32, depth=1, max_epochs=0, random_state=0).fit(images)
    display = ReconstructionDisplay.from_estimator(pretrainer, images[0])
    assert display.axes_[0].get_ylabel() == "scale (index)"
    assert display.axes_[0].get_ylim() == (7.5, -0.5)


def test_history_display_draws_the_losses(X, y, params):
    classifier = MAEClassifier(**{**params, "early_stopping": True, "validation_fraction": 0.2}).fit(X, y)
    display = HistoryDisplay.from_estimator(classifier)
    for line, key, label in zip(
        display.ax_.lines, ("train_loss", "valid_loss"), ("training", "validation"), strict=True
    ):
        assert line.get_label() == label
        np.testing.assert_array_equal(line.get_xdata(), [1, 2])
        np.testing.assert_array_equal(line.get_ydata(), [row[key] for row in classifier.history_])


def test_history_without_early_stopping_has_one_line(pretrainer):
    display = HistoryDisplay.from_estimator(pretrainer)
    assert [line.get_label() for line in display.ax_.lines] == ["training"]
    assert HistoryDisplay(pretrainer.history_).plot(ax=display.ax_).ax_ is display.ax_


def test_history_without_epochs_raises(X, y):
    with pytest.raises(ValueError, match=r"finetune='none'; fit it with another value, for example finetune='full'"):
        HistoryDisplay.from_estimator(MAEClassifier(random_state=0).fit(X[:, 0], y))
    untrained = MAEPretrainer(embed_dim=32, depth=1, max_epochs=0, random_state=0).fit(X)
    with pytest.raises(ValueError, match=r"this MAEPretrainer has no losses, since it was fitted with max_epochs=0"):
        HistoryDisplay.from_estimator(untrained)
    with pytest.raises(ValueError, match="a CWTTransformer has no training history"):
        HistoryDisplay.from_estimator(CWTTransformer().fit(X))
    with pytest.raises(ValueError, match=r"history=\[\] contains no epochs"):
        HistoryDisplay([])


def test_ensemble_display_draws_a_bar_for_each_model(X, y):
    classifier = MAEClassifier(random_state=0).fit(X[:, 0], y)
    bars = EnsembleDisplay.from_estimator(classifier).ax_.patches
    assert [bar.get_width() for bar in bars] == pytest.approx(list(classifier.ensemble_weights_.values()))


def test_single_epoch_has_no_fractions_of_epochs():
    axis = HistoryDisplay([{"epoch": 1, "train_loss": 2.0}]).plot().ax_
    lowest, highest = axis.get_xlim()
    assert [tick for tick in axis.get_xticks() if lowest <= tick <= highest] == [1]


def test_name_of_the_model_on_all_kinds_has_two_lines():
    name = "statistics + positions + competition + shapelets + spectrum"
    axis = EnsembleDisplay({"statistics": 0.4, name: 0.6}).plot().ax_
    lines = [label.get_text().split("\n") for label in axis.get_yticklabels()]
    assert [len(of_label) for of_label in lines] == [1, 2]
    assert " ".join(lines[1]) == name


def test_label_of_the_longest_bar_is_inside_of_the_axes():
    axis = EnsembleDisplay({"statistics + competition": 0.7, "embedding": 0.3}).plot().ax_
    axis.figure.draw_without_rendering()
    assert all(text.get_window_extent().x1 < axis.get_window_extent().x1 for text in axis.texts)


def test_ensemble_display_adds_the_smallest_weights_of_many_models():
    weights = {f"statistics of channel {number}": number / 780 for number in range(40)}
    axis = EnsembleDisplay(weights).plot().ax_
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == [*(f"statistics of channel {number}" for number in range(25, 40)), "25 other models"]
    assert axis.patches[-1].get_width() == pytest.approx(sum(range(25)) / 780)


def test_ensemble_display_without_models_raises(pretrainer):
    with pytest.raises(ValueError, match="a MAEPretrainer is not an ensemble"):
        EnsembleDisplay.from_estimator(pretrainer)
    with pytest.raises(ValueError, match="names no model"):
        EnsembleDisplay({})


def test_relevance_display_draws_the_map_of_a_channel(X, classifier):
    display = RelevanceDisplay.from_estimator(classifier, X[3], channel=4, sampling_rate=50)
    maps = classifier.explain(X[3:4])[0]
    signal, image = display.axes_
    np.testing.assert_array_equal(signal.lines[0].get_ydata(), X[3, 4])
    np.testing.assert_array_equal(display.relevance, maps[4])
    # The display draws the ratio to a uniform relevance.
    np.testing.assert_allclose(drawn_values(image), maps[4].ravel() * maps.size, rtol=1e-5)
    probabilities = classifier.predict_proba(X[3:4])[0]
    title = f"predicted: {classifier.predict(X[3:4])[0]} (probability {probabilities.max():.2f})"
    assert signal.get_title().splitlines() == [
        title,
        f"channel 4 has {maps[4].sum():.0%} of the relevance of all 6 channels",
    ]
    assert image.get_ylabel() == "frequency (Hz)"


def test_relevance_display_shows_scales_in_samples_of_the_original_signal(X, y):
    classifier = MAEClassifier(probe=False, finetune="head", max_epochs=1, random_state=0).fit(X[:, 0], y)
    display = RelevanceDisplay.from_estimator(classifier, X[0, 0])
    np.testing.assert_allclose(display.scales[0], 0.7 * 199 / 511)  # the network resamples to 512 samples
    assert display.relevance.shape == (32, 200)
    assert "channel" not in display.axes_[0].get_title()


def test_displays_of_a_padded_signal_show_its_original_time_and_scales():
    time = np.arange(200)
    X = np.tile(np.sin(2 * np.pi * 0.05 * time), (4, 1)) + 0.01 * np.random.default_rng(0).normal(size=(4, 200))
    X[1:, 100:] = np.nan
    transformer = CWTTransformer(cwt_scales=np.geomspace(1, 20, 40)).fit(X)
    peaks = []
    for x in X[:2]:
        display = ScalogramDisplay.from_estimator(transformer, x)
        assert len(display.signal) == display.image.shape[-1] == np.isfinite(x).sum()
        peaks.append(display.scales[np.abs(display.image[0]).mean(-1).argmax()])
    # Neighbouring scales differ by 8 %. Scales in samples of the resampled signal would differ by a factor of two.
    np.testing.assert_allclose(peaks[1], peaks[0], rtol=0.09)
    classifier = MAEClassifier(probe=False, finetune="head", max_epochs=1, random_state=0).fit(X, [0, 1, 0, 1])
    np.testing.assert_allclose(RelevanceDisplay.from_estimator(classifier, X[1]).scales[0], 0.7 * 99 / 511)
    unpadded = RelevanceDisplay.from_estimator(classifier, X[1, :100])
    np.testing.assert_array_equal(unpadded.relevance, RelevanceDisplay.from_estimator(classifier, X[1]).relevance)


def test_wrong_estimator_raises(X, pretrainer, classifier):
    with pytest.raises(ValueError, match="a MAEClassifier does not compute scalograms; give a fitted CWTTransformer"):
        ScalogramDisplay.from_estimator(classifier, X[0])
    with pytest.raises(ValueError, match="a MAEClassifier cannot reconstruct signals; give a fitted MAEPretrainer"):
        ReconstructionDisplay.from_estimator(classifier, X[0])
    with pytest.raises(ValueError, match="a MAEPretrainer cannot explain predictions; give a fitted MAEClassifier"):
        RelevanceDisplay.from_estimator(pretrainer, X[0])


def test_relevance_display_needs_a_signal(X, classifier):
    with pytest.raises(ValueError, match=r"x has shape \(3, 32, 200\); give one signal"):
        RelevanceDisplay.from_estimator(classifier, np.zeros((3, 32, 200)))


def test_display_draws_on_given_axes(X):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(4, 1)
    display = ScalogramDisplay.from_estimator(CWTTransformer(cwt_scales=8).fit(X), X[0], ax=axes)
    assert display.figure_ is figure


def test_wrong_number_of_axes_raises(X):
    import matplotlib.pyplot as plt

    with pytest.raises(ValueError, match="ax contains 1 axes, but this display needs 4"):
        ScalogramDisplay.from_estimator(CWTTransformer(cwt_scales=8).fit(X), X[0], ax=plt.subplots()[1])
