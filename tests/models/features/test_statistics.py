import re

import pytest
import torch
from torch.testing import assert_close

from sktsmae.models import WaveletStatistics
from sktsmae.models.features.statistics import SAMPLE_SIZE


def fitted(x, **settings):
    statistics = WaveletStatistics(1 if x.ndim == 2 else x.shape[1], x.shape[-1], **settings)
    statistics.fit([x], len(x))
    return statistics


def test_thresholds_do_not_depend_on_the_batch_size():
    x = torch.randn(50, 2, 300)
    one, many = fitted(x), WaveletStatistics(2, 300)
    many.fit(x.split(7), 50)
    assert_close(many.thresholds, one.thresholds, rtol=0, atol=1e-5)


def test_thresholds_of_aligned_signals_are_estimated_from_all_times():
    # All signals have their only step at the same time, and few values are drawn from each signal.
    n_samples = SAMPLE_SIZE // 4
    x = (torch.arange(256) >= 128).float().expand(n_samples, -1)
    statistics = fitted(x, cwt_scales=[5.0], diff_orders=(0,))
    series = statistics.series(x[:1])[0, 1]
    # The first and the last threshold of the second series.
    expected = torch.quantile(series, torch.sigmoid(torch.tensor([-2.5, 3.5])))
    assert_close(statistics.thresholds[1, [0, -1]], expected, rtol=0.05, atol=1e-3)


def test_each_channel_has_its_own_thresholds():
    x = torch.randn(40, 2, 300) * torch.tensor([1.0, 10.0])[:, None]
    # Thresholds of the signal and of the series of the image.
    thresholds = fitted(x).thresholds.unflatten(0, (2, -1))[:, : 1 + 3 * 24]
    assert_close(thresholds[1].std() / thresholds[0].std(), torch.tensor(10.0), rtol=0.1, atol=0)


def test_sums_combine_signed_series_of_one_channel_divided_by_their_amplitudes():
    x = torch.randn(30, 2, 300) * torch.tensor([1.0, 10.0])[:, None]
    statistics = fitted(x, cwt_scales=[2.0, 9.0], diff_orders=(0, 1))
    series = statistics.series(x).unflatten(1, (2, -1))
    image, sums = series[:, 1, 1:5], series[:, 1, 5:]
    # Amplitudes are estimated from a subset of the times.
    assert_close(statistics.amplitudes[1], image.abs().mean((0, 2)), rtol=0.02, atol=0)
    image = image / statistics.amplitudes[1][:, None]
    positions = {"d0_s2": 0, "d0_s9": 1, "d1_s2": 2, "d1_s9": 3}
    num_series = len(statistics.thresholds) // 2
    names = [re.split("_fraction|_longest", name)[0] for name in statistics.feature_names()[::28]][num_series + 5 :]
    for row, name in zip(sums.unbind(1), names, strict=True):
        signed = re.findall(r"([+-]?)(d\d_s\d)", name.removeprefix("ch1_"))
        assert len(signed) == 3
        expected = sum((-1 if sign == "-" else 1) * image[:, positions[part]] for sign, part in signed)
        assert_close(row, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("num_scales", [1, 2, 3, 50])
def test_all_sums_are_different(num_scales):
    names = WaveletStatistics(1, 300, num_scales, diff_orders=(0,)).feature_names()
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("n_timepoints", [1, 40, 256, 600])
def test_default_scales_extend_the_published_scales_to_a_tenth_of_the_signal(n_timepoints):
    length = max(n_timepoints, 256)
    scales = WaveletStatistics(1, n_timepoints).scales * length / n_timepoints
    assert len(scales) == 24
    assert_close(scales[:16], torch.arange(16).double() + 0.1)
    assert_close(scales[-1].item(), max(length / 10, 1.5 * 15.1), rtol=1e-3, atol=0)
    assert (scales.diff() > 0).all()


def test_state_dict_contains_the_thresholds():
    x = torch.randn(20, 100)
    statistics = fitted(x)
    again = WaveletStatistics(1, 100)
    again.load_state_dict(statistics.state_dict())
    assert_close(again(x), statistics(x))
