"""Tests of CWTTransformer: images, flattened images, statistics and column names."""

from __future__ import annotations

from operator import attrgetter

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktsmae import CWTTransformer

DIFF_ORDERS = {"all-views": (0, 1, 2), "first-difference": (1,), "second-difference-and-signal": (2, 0)}


def fit_transform(X, **params):
    """Fit a transformer, by default with 8 scales, and return its output for the same signals."""
    return CWTTransformer(**{"cwt_scales": 8, "device": "cpu", **params}).fit_transform(X)


@pytest.mark.parametrize("diff_orders", DIFF_ORDERS.values(), ids=DIFF_ORDERS)
@pytest.mark.parametrize("output", ["image", "flat"])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_each_channel_has_one_image_per_view(X, X_channels, diff_orders, output, n_channels):
    out = fit_transform(X if n_channels == 1 else X_channels, diff_orders=diff_orders, output=output)
    n_images = n_channels * len(diff_orders)
    assert out.shape == ((41, n_images, 8, 200) if output == "image" else (41, n_images * 8 * 200))
    assert out.dtype == np.float32


def test_flat_output_is_the_flattened_image(X_channels):
    assert_array_equal(fit_transform(X_channels, output="flat"), fit_transform(X_channels).reshape(41, -1))


@pytest.mark.parametrize("length", [200, 300])
def test_statistics_are_longest_runs_and_fractions_of_time_above_thresholds(X_channels, length):
    X = np.tile(X_channels, 2)[..., :length]
    transformer = CWTTransformer(output="statistics", cwt_scales=[2.0, 9.0], device="cpu").fit(X)
    # Each channel gives several time series: the signal, its wavelet coefficients at 2 scales of 3 views, and random
    # sums of coefficients. Each series has 4 thresholds, and each threshold has 3 statistics.
    statistics = transformer.transform(X).reshape(41, 2, -1, 4, 3)
    statistics = statistics[:, :, :7]  # without the random sums
    # Compute the same series from images. Statistics resample signals of fewer than 256 samples to 256 samples.
    positions = np.linspace(0, length - 1, max(length, 256))
    resampled = np.array([[np.interp(positions, np.arange(length), channel) for channel in signal] for signal in X])
    factor = max(length, 256) / length
    images = fit_transform(resampled, cwt_scales=[2 * factor, 9 * factor], standardize=False, boundary="reflect")
    series = np.concatenate([resampled[:, :, None], images.reshape(41, 2, 6, -1)], axis=2)
    above = series[..., None, :] > transformer.thresholds_[:, :7, :, None]
    # Rounding errors may move values across a threshold. Each value changes a fraction of time by at most 1 / 256 in
    # the whole series. The tolerance allows for two values. A single value may also split a long run, so only the
    # median error of the runs is tested.
    assert_allclose(statistics[..., 0], above.mean(-1), atol=2.5 / 256)
    assert np.median(np.abs(statistics[..., 1] - longest_run(above))) < 1e-6
    assert np.median(np.abs(statistics[..., 2] - longest_run(~above))) < 1e-6


def longest_run(flags: np.ndarray) -> np.ndarray:
    """Return the length of the longest run of true values along the last axis, divided by the length of that axis."""
    run = longest = np.zeros(flags.shape[:-1])
    for time in range(flags.shape[-1]):
        run = (run + 1) * flags[..., time]
        longest = np.maximum(longest, run)
    return longest / flags.shape[-1]


def test_thresholds_are_quantiles_of_the_training_signals(X):
    transformer = CWTTransformer(output="statistics", device="cpu").fit(X[:30])
    # There are 217 time series per signal: the signal, its wavelet coefficients at 24 scales of 3 views, and 144 random
    # sums of coefficients. Each series has 4 thresholds, and each threshold has 3 statistics.
    fractions_above = transformer.transform(X[:30]).reshape(30, 217, 4, 3)[..., 0].mean(0)
    # Thresholds are quantiles that are evenly spaced on the logit scale. Series with an even index use the quantiles 0,
    # 2, 4 and 6; the others use the quantiles 1, 3, 5 and 7. They are computed from all values of the 30 signals,
    # because there are fewer than 20,000 values per series.
    quantiles = 1 / (1 + np.exp(-np.linspace(-3.5, 3.5, 8)))
    assert_allclose(fractions_above[::2], np.tile(1 - quantiles[::2], (109, 1)), atol=2e-3)
    assert_allclose(fractions_above[1::2], np.tile(1 - quantiles[1::2], (108, 1)), atol=2e-3)


@pytest.mark.parametrize(("output", "per_series"), [("statistics", 12), ("positions", 4), ("quarters", 16)])
@pytest.mark.parametrize("diff_orders", DIFF_ORDERS.values(), ids=DIFF_ORDERS)
def test_every_series_has_as_many_numbers_as_documented(X_channels, diff_orders, output, per_series):
    out = fit_transform(X_channels, diff_orders=diff_orders, output=output)
    n_series = out.shape[1] // 2 // per_series
    assert out.shape == (41, 2 * per_series * n_series)
    assert out.dtype == np.float32
    # The time series of a channel are the signal, its wavelet coefficients at each scale of each view, and random sums
    # of coefficients. Two sums per series of coefficients are drawn at random, and duplicates are removed.
    n_coefficient_series = len(diff_orders) * 8
    assert 1 + 2.5 * n_coefficient_series <= n_series <= 1 + 3 * n_coefficient_series


def test_fraction_above_threshold_matches_the_quantile_in_the_column_name(X_channels):
    transformer = CWTTransformer(output="statistics", cwt_scales=[2.0, 5.0], device="cpu").set_output(
        transform="pandas"
    )
    fractions = transformer.fit_transform(X_channels).filter(regex=r"fraction_above_q\d+$").mean()
    quantiles = fractions.index.str.extract(r"_q(\d+)$")[0].astype(float).to_numpy() / 100
    assert len(fractions) > 0
    # The quantiles in column names are rounded to whole percent.
    assert_allclose(fractions, 1 - quantiles, atol=0.02)


@pytest.mark.parametrize(
    ("change", "min_difference"),
    [(lambda X: 4 * X, 0.2), (lambda X: X + X.std(), 0.05)],
    ids=["amplitude", "mean"],
)
def test_statistics_depend_on_mean_and_amplitude(X, change, min_difference):
    transformer = CWTTransformer(output="statistics", device="cpu").fit(X)
    assert np.abs(transformer.transform(X) - transformer.transform(change(X))).max() > min_difference


@pytest.mark.parametrize("n_timepoints", [1, 2, 3, 15, 255, 257])
def test_statistics_are_finite_and_have_names_at_any_length(n_timepoints):
    X = np.random.default_rng(0).normal(size=(5, n_timepoints))
    transformer = CWTTransformer(output="statistics", device="cpu").fit(X)
    assert transformer.transform(X).shape == (5, len(transformer.get_feature_names_out()))
    assert np.isfinite(transformer.transform(X)).all()


def test_statistics_of_a_constant_signal_are_finite():
    out = fit_transform(np.full((2, 50), 3.0), output="statistics")
    assert np.isfinite(out).all()


def test_standardised_views_have_mean_0_and_standard_deviation_1(X_channels):
    images = fit_transform(X_channels).astype(np.float64)
    # The tolerances allow for rounding errors of a mean over 8 x 200 float32 values.
    assert_allclose(images.mean((2, 3)), 0, atol=1e-5)
    assert_allclose(images.std((2, 3), ddof=1), 1, atol=1e-4)


def test_amplitude_changes_images_only_if_they_are_not_standardised(X):
    # Multiplication by 4 has no rounding error.
    assert_allclose(fit_transform(4 * X), fit_transform(X), atol=1e-5)
    assert_array_equal(fit_transform(4 * X, standardize=False), 4 * fit_transform(X, standardize=False))


@pytest.mark.parametrize("period", [12, 24, 40])
def test_scale_with_the_strongest_response_is_a_quarter_of_the_period(period):
    signal = np.sin(2 * np.pi * np.arange(400) / period)[None]
    scales = np.arange(1, 20)
    images = fit_transform(signal, cwt_scales=scales, diff_orders=(0,), standardize=False)
    energy = np.square(images[0, 0, :, 150:250]).sum(-1)  # at times that are far from the boundaries of the signal
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
    ids=["integer", "numpy-integer", "list", "tuple", "array"],
)
def test_fitted_scales_are_stored(X, cwt_scales, expected):
    transformer = CWTTransformer(cwt_scales=cwt_scales, device="cpu").fit(X)
    assert_allclose(transformer.scales_, expected)
    assert transformer.transform(X[:2]).shape == (2, 3, len(expected), 200)


def test_view_does_not_depend_on_the_other_views(X):
    all_views = fit_transform(X)
    for index, order in enumerate((0, 1, 2)):
        assert_array_equal(fit_transform(X, diff_orders=(order,))[:, 0], all_views[:, index])


def test_channels_are_transformed_independently(X_channels):
    both = fit_transform(X_channels)
    for channel in (0, 1):
        # Rounding errors of Fourier transforms depend on the batch size.
        assert_allclose(both[:, 3 * channel : 3 * channel + 3], fit_transform(X_channels[:, channel]), atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 7, 41, 1000])
def test_batch_size_does_not_change_the_result(X, batch_size):
    # Rounding errors of Fourier transforms depend on the batch size.
    assert_allclose(fit_transform(X, batch_size=batch_size), fit_transform(X), atol=1e-5)


def test_input_shape_is_stored(X, X_channels):
    one_channel, two_channels = CWTTransformer(device="cpu").fit(X), CWTTransformer(device="cpu").fit(X_channels)
    attributes = attrgetter("n_channels_", "n_timepoints_", "n_features_in_", "input_shape_")
    assert attributes(one_channel) == (1, 200, 200, (200,))
    assert attributes(two_channels) == (2, 200, 2, (2, 200))


@pytest.mark.filterwarnings("ignore:cwt_scales")  # some outputs do not use scales
@pytest.mark.parametrize(
    ("output", "first_name", "last_name"),
    [
        ("flat", "ch0_d2_s0.1_t0", "ch1_d0_s7.1_t199"),
        ("statistics", "ch0_signal_fraction_above_q3", "ch1_d0_s3.1+d0_s6.1-d0_s7.1_longest_run_below_q97"),
        (
            "quarters",
            "ch0_signal_fraction_above_q3_quarter1",
            "ch1_d0_s3.1+d0_s6.1-d0_s7.1_fraction_above_q97_quarter4",
        ),
        ("positions", "ch0_signal_mean_position_above_q3", "ch1_d0_s3.1+d0_s6.1-d0_s7.1_mean_position_above_q97"),
        ("competition", "d0_dilation1_group0_kernel0_largest", "d1_dilation16_group31_kernel7_smallest"),
        ("shapelets", "ch0_dilation1_values_shapelet0", "ch1_dilation16_shape_shapelet203"),
        ("spectrum", "ch0_log_power_0.03125_window32", "ch1_autocorrelation_lag128"),
    ],
)
def test_column_names_are_unique_and_in_order(X_channels, output, first_name, last_name):
    transformer = CWTTransformer(cwt_scales=8, diff_orders=(2, 0), output=output, device="cpu")
    out = transformer.fit_transform(X_channels)
    names = transformer.get_feature_names_out()
    assert len(set(names)) == len(names) == out.shape[1]
    assert (names[0], names[-1]) == (first_name, last_name)


def test_each_column_contains_the_statistic_in_its_name(X_channels):
    transformer = CWTTransformer(cwt_scales=8, output="statistics", device="cpu").set_output(transform="pandas")
    out = transformer.fit_transform(X_channels)
    assert isinstance(out, pd.DataFrame)
    # Axes: signal, channel, time series, threshold, statistic.
    by_channel = out.to_numpy().reshape(41, 2, -1, 4, 3)
    # Axes: signal, channel, view, scale, threshold, statistic.
    by_scale = by_channel[:, :, 1:25].reshape(41, 2, 3, 8, 4, 3)
    assert_array_equal(out["ch1_signal_fraction_above_q92"], by_channel[:, 1, 0, 3, 0])
    assert_array_equal(out["ch1_d2_s3.1_fraction_above_q18"], by_scale[:, 1, 2, 3, 1, 0])
    assert_array_equal(out["ch0_d1_s0.1_longest_run_below_q97"], by_scale[:, 0, 1, 0, 3, 2])
    random_sums = out.filter(regex=r"ch1_.*[+-]")  # their names contain the signs of the terms
    assert_array_equal(random_sums.iloc[:, -1], by_channel[:, 1, -1, -1, -1])


def test_image_output_has_no_column_names(X):
    transformer = CWTTransformer(device="cpu").fit(X)
    with pytest.raises(AttributeError, match=r"images, which are no table; choose output='flat' or 'statistics'"):
        transformer.set_output(transform="pandas")
    with pytest.raises(AttributeError, match="get_feature_names_out") as caught:
        transformer.get_feature_names_out()
    assert "choose output='flat' or 'statistics'" in str(caught.value.__cause__)


@pytest.mark.parametrize("output", ["statistics", "flat"])
def test_with_a_sampling_rate_columns_are_named_by_frequency(X_channels, output):
    without_rate = CWTTransformer(output=output).fit(X_channels)
    with_rate = CWTTransformer(output=output, sampling_rate=50).fit(X_channels)
    assert_allclose(with_rate.frequencies_, 50 * without_rate.frequencies_)
    # The Ricker wavelet of scale s has its peak frequency at sqrt(2) / (2 pi s) cycles per sample.
    assert_allclose(without_rate.frequencies_ * without_rate.scales_, 2**0.5 / (2 * np.pi))
    names = with_rate.get_feature_names_out()
    assert len(set(names)) == len(without_rate.get_feature_names_out())
    assert any(f"_{with_rate.frequencies_[3]:.4g}Hz_" in name for name in names)
    assert_array_equal(with_rate.transform(X_channels), without_rate.transform(X_channels))


@pytest.mark.parametrize("frequency", [2.0, 8.0])
def test_morlet_image_is_brightest_at_the_frequency_of_the_signal(frequency):
    X = np.sin(2 * np.pi * frequency * np.arange(1000) / 50)[None]
    scales = np.geomspace(0.8, 10, 60)
    images = CWTTransformer(
        cwt_scales=scales, sampling_rate=50, wavelet="morlet", w0=12.0, standardize=False, diff_orders=(0,)
    ).fit(X)
    brightest = (images.transform(X)[0, 0, :, 500] / np.sqrt(scales)).argmax()  # wavelets have unit energy
    assert images.frequencies_[brightest] == pytest.approx(frequency, rel=0.05)


@pytest.mark.parametrize("output", ["competition", "shapelets", "spectrum", "summary"])
def test_scales_that_an_output_does_not_use_warn(X_channels, output):
    with pytest.warns(UserWarning, match="cwt_scales"):
        CWTTransformer(output=output, cwt_scales=4).fit(X_channels)


def test_w0_without_the_morlet_wavelet_has_no_effect_and_warns(X_channels):
    with pytest.warns(UserWarning, match=r"w0.*wavelet='ricker'"):
        CWTTransformer(w0=12.0).fit(X_channels)
