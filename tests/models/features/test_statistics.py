"""Tests of the wavelet statistics as features."""

import re

import pytest
import torch
from torch.testing import assert_close

from sktsmae.models import QuarterStatistics, WaveletStatistics
from sktsmae.models.features.statistics import SAMPLE_SIZE


def fit_statistics(x, **settings):
    """Return wavelet statistics with thresholds from the given signals, of shape (B, T) or (B, M, T)."""
    statistics = WaveletStatistics(1 if x.ndim == 2 else x.shape[1], x.shape[-1], **settings)
    statistics.fit([x], len(x))
    return statistics


def test_thresholds_do_not_depend_on_the_batch_size():
    x = torch.randn(50, 2, 300)
    one_batch, eight_batches = fit_statistics(x), WaveletStatistics(2, 300)
    eight_batches.fit(x.split(7), 50)
    assert_close(eight_batches.thresholds, one_batch.thresholds, rtol=0, atol=1e-5)


def test_thresholds_of_aligned_signals_are_estimated_from_all_times():
    # All signals are steps at the same time. `fit` uses only 4 time steps per signal, because there are many signals.
    n_samples = SAMPLE_SIZE // 4
    x = (torch.arange(256) >= 128).float().expand(n_samples, -1)
    statistics = fit_statistics(x, cwt_scales=[5.0], diff_orders=(0,))
    coefficients = statistics.series(x[:1])[0, 1]
    # Series 0 is the signal, and series 1 is its wavelet transform. The thresholds of series 1 are the quantiles at
    # the logits -2.5, -0.5, 1.5 and 3.5.
    expected = torch.quantile(coefficients, torch.sigmoid(torch.tensor([-2.5, 3.5])))
    assert_close(statistics.thresholds[1, [0, -1]], expected, rtol=0.05, atol=1e-3)


def test_each_channel_has_its_own_thresholds():
    x = torch.randn(40, 2, 300) * torch.tensor([1.0, 10.0])[:, None]
    # Select the thresholds of the signal and of its wavelet coefficients (3 views, 24 scales), not of the random sums.
    thresholds = fit_statistics(x).thresholds.unflatten(0, (2, -1))[:, : 1 + 3 * 24]
    assert_close(thresholds[1].std() / thresholds[0].std(), torch.tensor(10.0), rtol=0.1, atol=0)


def test_random_sums_add_three_signed_coefficient_series_divided_by_their_amplitudes():
    x = torch.randn(30, 2, 300) * torch.tensor([1.0, 10.0])[:, None]
    statistics = fit_statistics(x, cwt_scales=[2.0, 9.0], diff_orders=(0, 1))
    series = statistics.series(x).unflatten(1, (2, -1))
    coefficients, sums = series[:, 1, 1:5], series[:, 1, 5:]  # of channel 1: 2 views, 2 scales
    # `fit` estimates the amplitudes from a subset of the time steps.
    assert_close(statistics.amplitudes[1], coefficients.abs().mean((0, 2)), rtol=0.02, atol=0)
    coefficients = coefficients / statistics.amplitudes[1][:, None]
    row_of_series = {"d0_s2": 0, "d0_s9": 1, "d1_s2": 2, "d1_s9": 3}
    num_series = len(statistics.thresholds) // 2  # per channel
    # Each series has 12 features. In channel 1, the sums follow the signal and four series of coefficients.
    names = [re.split("_fraction|_longest", name)[0] for name in statistics.feature_names()[::12]][num_series + 5 :]
    for random_sum, name in zip(sums.unbind(1), names, strict=True):
        terms = re.findall(r"([+-]?)(d\d_s\d)", name.removeprefix("ch1_"))
        assert len(terms) == 3
        expected = sum((-1 if sign == "-" else 1) * coefficients[:, row_of_series[series]] for sign, series in terms)
        assert_close(random_sum, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("num_scales", [1, 2, 3, 50])
def test_all_random_sums_are_different(num_scales):
    names = WaveletStatistics(1, 300, num_scales, diff_orders=(0,)).feature_names()
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("n_timepoints", [1, 40, 256, 600])
def test_default_scales_are_16_linear_and_8_logarithmic_scales_up_to_a_tenth_of_the_length(n_timepoints):
    length = max(n_timepoints, 256)  # shorter signals are resampled to 256 samples
    scales = WaveletStatistics(1, n_timepoints).scales * length / n_timepoints
    assert len(scales) == 24
    assert_close(scales[:16], torch.arange(16).double() + 0.1)
    assert_close(scales[-1].item(), max(length / 10, 1.5 * 15.1), rtol=1e-3, atol=0)
    assert (scales.diff() > 0).all()


def test_statistics_of_quarters_average_to_those_of_the_whole_signal():
    x = torch.randn(20, 2, 400)
    quarters = QuarterStatistics(2, 400)
    quarters.fit([x], 20)
    whole = fit_statistics(x)
    assert_close(quarters.thresholds, whole.thresholds)
    fractions = quarters(x).unflatten(1, (-1, 4)).mean(-1)  # 400 samples have equal quarters
    assert_close(fractions, whole(x).unflatten(1, (-1, 3))[..., 0])
    assert quarters.feature_names()[3] == "ch0_signal_fraction_above_q3_quarter4"


def test_state_dict_contains_the_thresholds():
    x = torch.randn(20, 100)
    statistics = fit_statistics(x)
    loaded = WaveletStatistics(1, 100)
    loaded.load_state_dict(statistics.state_dict())
    assert_close(loaded(x), statistics(x))
