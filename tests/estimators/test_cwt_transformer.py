"""CWTTransformer: images, flat images, statistics and column names."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktsmae import CWTTransformer

VIEWS = {"all": (0, 1, 2), "one": (1,), "reversed": (2, 0)}


def transformed(X, **params):
    """Return the output of a transformer with 8 scales, fitted on X."""
    return CWTTransformer(**{"cwt_scales": 8, "device": "cpu", **params}).fit_transform(X)


@pytest.mark.parametrize("views", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize(("output", "columns"), [("image", None), ("flat", 200)])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_output_has_one_image_or_one_row_per_signal(X, X_channels, views, output, columns, n_channels):
    out = transformed(X if n_channels == 1 else X_channels, diff_orders=views, output=output)
    rows = n_channels * len(views) * 8
    assert out.shape == ((41, rows // 8, 8, 200) if columns is None else (41, rows * columns))
    assert out.dtype == np.float32


def test_flat_output_is_the_flattened_image(X_channels):
    assert_array_equal(transformed(X_channels, output="flat"), transformed(X_channels).reshape(41, -1))


@pytest.mark.parametrize("length", [200, 300])
def test_statistics_are_fractions_of_time_above_thresholds_and_longest_runs(X_channels, length):
    X = np.tile(X_channels, 2)[..., :length]
    transformer = CWTTransformer(output="statistics", cwt_scales=[2.0, 9.0], device="cpu").fit(X)
    # The first 7 series are the signal, and 2 scales of each of the 3 views.
    statistics = transformer.transform(X).reshape(41, 2, -1, 4, 7)[:, :, :7]
    # The expected series are rows of images. Signals of fewer than 256 samples are resampled to 256.
    positions = np.linspace(0, length - 1, max(length, 256))
    resampled = np.array([[np.interp(positions, np.arange(length), channel) for channel in signal] for signal in X])
    factor = max(length, 256) / length
    images = transformed(resampled, cwt_scales=[2 * factor, 9 * factor], standardize=False, boundary="reflect")
    series = np.concatenate([resampled[:, :, None], images.reshape(41, 2, 6, -1)], axis=2)
    above = series[..., None, :] > transformer.thresholds_[:, :7, :, None]
    # Each value that rounding moves across a threshold changes a fraction of time by one sample.
    assert_allclose(statistics[..., 0], above.mean(-1), atol=2.5 / 256)
    assert_allclose(statistics[..., 4], np.array_split(above, 4, axis=-1)[1].mean(-1), atol=2.5 / 64)
    assert np.median(np.abs(statistics[..., 1] - longest_run(above))) < 1e-6
    assert np.median(np.abs(statistics[..., 2] - longest_run(~above))) < 1e-6


def longest_run(flags: np.ndarray) -> np.ndarray:
    """Return the longest run of true values along the last axis, as a fraction of its length."""
    run = longest = np.zeros(flags.shape[:-1])
    for step in range(flags.shape[-1]):
        run = (run + 1) * flags[..., step]
        longest = np.maximum(longest, run)
    return longest / flags.shape[-1]


def test_thresholds_are_quantiles_of_the_training_signals(X):
    transformer = CWTTransformer(output="statistics", device="cpu").fit(X[:30])
    fractions = transformer.transform(X[:30]).reshape(30, 217, 4, 7)[..., 0].mean(0)
    # Thresholds are learned from all values of 30 signals. Each series has every second quantile: the first, third ...
    # for one series, and the second, fourth ... for the next.
    expected = 1 - 1 / (1 + np.exp(-np.linspace(-3.5, 3.5, 8)))
    assert_allclose(fractions[::2], np.tile(expected[::2], (109, 1)), atol=2e-3)
    assert_allclose(fractions[1::2], np.tile(expected[1::2], (108, 1)), atol=2e-3)


@pytest.mark.parametrize("views", VIEWS.values(), ids=VIEWS)
def test_signal_image_and_sums_have_28_statistics_per_series(X_channels, views):
    out = transformed(X_channels, diff_orders=views, output="statistics")
    n_series = out.shape[1] // 2 // 28
    assert out.shape == (41, 2 * 28 * n_series)
    assert out.dtype == np.float32
    n_image_series = len(views) * 8
    # Two sums per series of the image are drawn. A sum that is drawn twice counts once.
    assert 1 + 2.5 * n_image_series <= n_series <= 1 + 3 * n_image_series


def test_column_names_contain_the_quantile_of_each_channel(X_channels):
    transformer = CWTTransformer(output="statistics", cwt_scales=[2.0, 5.0], device="cpu").set_output(
        transform="pandas"
    )
    fractions = transformer.fit_transform(X_channels).filter(regex=r"fraction_above_q\d+$").mean()
    quantiles = fractions.index.str.extract(r"_q(\d+)$")[0].astype(float).to_numpy() / 100
    assert len(fractions) > 0
    # Names round quantiles to whole percents, and thresholds are learned from a sample of all values.
    assert_allclose(fractions, 1 - quantiles, atol=0.02)


@pytest.mark.parametrize(("change", "min_difference"), [(lambda X: 4 * X, 0.2), (lambda X: X + X.std(), 0.05)])
def test_statistics_depend_on_mean_and_amplitude(X, change, min_difference):
    transformer = CWTTransformer(output="statistics", device="cpu").fit(X)
    assert np.abs(transformer.transform(X) - transformer.transform(change(X))).max() > min_difference


@pytest.mark.parametrize("n_timepoints", [1, 2, 3, 15, 255, 257])
def test_statistics_are_finite_and_named_at_any_length(n_timepoints):
    X = np.random.default_rng(0).normal(size=(5, n_timepoints))
    transformer = CWTTransformer(output="statistics", device="cpu").fit(X)
    assert transformer.transform(X).shape == (5, len(transformer.get_feature_names_out()))
    assert np.isfinite(transformer.transform(X)).all()


def test_statistics_of_a_constant_signal_are_finite():
    out = transformed(np.full((2, 50), 3.0), output="statistics")
    assert np.isfinite(out).all()


def test_standardised_views_have_mean_0_and_standard_deviation_1(X_channels):
    images = transformed(X_channels).astype(np.float64)
    # Each mean is over 1,600 float32 values.
    assert_allclose(images.mean((2, 3)), 0, atol=1e-5)
    assert_allclose(images.std((2, 3), ddof=1), 1, atol=1e-4)


def test_only_images_that_are_not_standardised_depend_on_the_amplitude(X):
    # Multiplying float32 by a power of two does not round.
    assert_allclose(transformed(4 * X), transformed(X), atol=1e-5)
    assert_array_equal(transformed(4 * X, standardize=False), 4 * transformed(X, standardize=False))


@pytest.mark.parametrize("period", [12, 24, 40])
def test_scale_with_the_strongest_response_is_a_quarter_of_the_period(period):
    signal = np.sin(2 * np.pi * np.arange(400) / period)[None]
    scales = np.arange(1, 20)
    images = transformed(signal, cwt_scales=scales, diff_orders=(0,), standardize=False)
    energy = np.square(images[0, 0, :, 150:250]).sum(-1)
    assert scales[energy.argmax()] == period / 4


@pytest.mark.parametrize(
    ("cwt_scales", "expected"),
    [
        (3, [0.1, 1.1, 2.1]),
        (np.int64(3), [0.1, 1.1, 2.1]),
        ([1, 2.5, 7], [1, 2.5, 7]),
        ((4,), [4]),
        (np.geomspace(1, 8, 4), [1, 2, 4, 8]),
    ],
    ids=["number", "numpy-number", "list", "tuple", "array"],
)
def test_fitted_scales_are_stored(X, cwt_scales, expected):
    transformer = CWTTransformer(cwt_scales=cwt_scales, device="cpu").fit(X)
    assert_allclose(transformer.scales_, expected)
    assert transformer.transform(X[:2]).shape == (2, 3, len(expected), 200)


def test_view_does_not_depend_on_the_other_views(X):
    all_views = transformed(X)
    for index, order in enumerate((0, 1, 2)):
        assert_array_equal(transformed(X, diff_orders=(order,))[:, 0], all_views[:, index])


def test_channels_are_transformed_independently(X_channels):
    both = transformed(X_channels)
    for channel in (0, 1):
        # Fourier transforms of another batch size may round differently.
        assert_allclose(both[:, 3 * channel : 3 * channel + 3], transformed(X_channels[:, channel]), atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 7, 41, 1000])
def test_batch_size_does_not_change_the_result(X, batch_size):
    # Fourier transforms of another batch size may round differently.
    assert_allclose(transformed(X, batch_size=batch_size), transformed(X), atol=1e-5)


def test_input_shape_is_stored(X, X_channels):
    one, two = CWTTransformer(device="cpu").fit(X), CWTTransformer(device="cpu").fit(X_channels)
    assert (one.n_channels_, one.n_timepoints_, one.n_features_in_, one.input_shape_) == (1, 200, 200, (200,))
    assert (two.n_channels_, two.n_timepoints_, two.n_features_in_, two.input_shape_) == (2, 200, 2, (2, 200))


@pytest.mark.parametrize(
    ("output", "first", "last"),
    [
        ("flat", "ch0_d2_s0.1_t0", "ch1_d0_s7.1_t199"),
        ("statistics", "ch0_signal_fraction_above_q3", "ch1_d0_s3.1+d0_s6.1-d0_s7.1_fraction_above_q97_quarter4"),
    ],
)
def test_column_names_are_unique_and_in_order(X_channels, output, first, last):
    transformer = CWTTransformer(cwt_scales=8, diff_orders=(2, 0), output=output, device="cpu")
    out = transformer.fit_transform(X_channels)
    names = transformer.get_feature_names_out()
    assert len(set(names)) == len(names) == out.shape[1]
    assert (names[0], names[-1]) == (first, last)


def test_column_names_match_the_statistics(X_channels):
    transformer = CWTTransformer(cwt_scales=8, output="statistics", device="cpu").set_output(transform="pandas")
    out = transformer.fit_transform(X_channels)
    assert isinstance(out, pd.DataFrame)
    by_channel = out.to_numpy().reshape(41, 2, -1, 4, 7)
    by_scale = by_channel[:, :, 1:25].reshape(41, 2, 3, 8, 4, 7)
    assert_array_equal(out["ch1_signal_fraction_above_q92"], by_channel[:, 1, 0, 3, 0])
    assert_array_equal(out["ch1_d2_s3.1_fraction_above_q18"], by_scale[:, 1, 2, 3, 1, 0])
    assert_array_equal(out["ch0_d1_s0.1_longest_run_below_q97"], by_scale[:, 0, 1, 0, 3, 2])
    assert_array_equal(out["ch0_d1_s0.1_fraction_above_q8_quarter4"], by_scale[:, 0, 1, 0, 0, 6])
    assert_array_equal(out.filter(regex=r"ch1_.*[+-]").iloc[:, -1], by_channel[:, 1, -1, -1, -1])


def test_image_output_has_no_column_names(X):
    transformer = CWTTransformer(device="cpu").fit(X)
    with pytest.raises(AttributeError, match="set_output"):
        transformer.set_output(transform="pandas")
    with pytest.raises(AttributeError, match="get_feature_names_out") as caught:
        transformer.get_feature_names_out()
    assert "choose output='flat' or output='statistics'" in str(caught.value.__cause__)


@pytest.mark.parametrize("output", ["statistics", "flat"])
def test_sampling_rate_names_columns_by_frequency(X_channels, output):
    samples = CWTTransformer(output=output).fit(X_channels)
    hertz = CWTTransformer(output=output, sampling_rate=50).fit(X_channels)
    assert_allclose(hertz.frequencies_, 50 * samples.frequencies_)
    # At a fixed scale s, the response is strongest at a frequency of sqrt(2) / (2 pi s) cycles per sample.
    assert_allclose(samples.frequencies_ * samples.scales_, 2**0.5 / (2 * np.pi))
    names = hertz.get_feature_names_out()
    assert len(set(names)) == len(samples.get_feature_names_out())
    assert any(f"_{hertz.frequencies_[3]:.4g}Hz_" in name for name in names)
    assert_array_equal(hertz.transform(X_channels), samples.transform(X_channels))
