import pytest
import torch
from torch.testing import assert_close

from sktsmae.models import WaveletStatistics
from sktsmae.models.statistics import SAMPLE_SIZE


def fitted(x, **settings):
    statistics = WaveletStatistics(1 if x.ndim == 2 else x.shape[1], x.shape[-1], **settings)
    statistics.learn([x], len(x))
    return statistics


def test_thresholds_do_not_depend_on_the_batches():
    x = torch.randn(50, 2, 300)
    one, many = fitted(x), WaveletStatistics(2, 300)
    many.learn(x.split(7), 50)
    assert_close(many.thresholds, one.thresholds, rtol=0, atol=1e-5)


def test_thresholds_of_aligned_signals_come_from_all_times():
    # All signals have their one step at the same place; few values are drawn of each.
    n_samples = SAMPLE_SIZE // 4
    x = (torch.arange(256) >= 128).float().expand(n_samples, -1)
    statistics = fitted(x, cwt_scales=[5.0], diff_orders=(0,))
    rows = statistics.rows(x[:1])[0, 1]
    expected = torch.quantile(rows, torch.tensor([0.0293, 0.5 + 0.4707]))
    assert_close(statistics.thresholds[1, [0, -1]], expected, rtol=0.05, atol=0)


def test_each_channel_has_thresholds_of_its_own():
    x = torch.randn(40, 2, 300) * torch.tensor([1.0, 10.0])[:, None]
    thresholds = fitted(x).thresholds.unflatten(0, (2, -1))
    assert_close(thresholds[1].std() / thresholds[0].std(), torch.tensor(10.0), rtol=0.1, atol=0)


@pytest.mark.parametrize("n_timepoints", [1, 40, 256, 600])
def test_automatic_scales_are_the_published_ones_and_some_up_to_a_tenth_of_the_signal(n_timepoints):
    length = max(n_timepoints, 256)
    scales = WaveletStatistics(1, n_timepoints).scales * length / n_timepoints
    assert len(scales) == 24
    assert_close(scales[:16], torch.arange(16).double() + 0.1)
    assert_close(scales[-1].item(), max(length / 10, 1.5 * 15.1), rtol=1e-3, atol=0)
    assert (scales.diff() > 0).all()


def test_state_holds_the_thresholds():
    x = torch.randn(20, 100)
    statistics = fitted(x)
    again = WaveletStatistics(1, 100)
    again.load_state_dict(statistics.state_dict())
    assert_close(again(x), statistics(x))
