import torch
from torch.testing import assert_close

from sktsmae.models import SignalSummary


def test_levels_and_amplitudes_of_each_channel():
    x = torch.randn(7, 3, 40) * torch.tensor([[1.0], [10.0], [0.1]]) + 5
    got = SignalSummary(3)(x).unflatten(1, (8, 3))  # (B, 8, M)
    mean = x.mean(-1)
    assert_close(got[:, 0], mean)
    assert_close(got[:, 1], (x - mean[..., None]).abs().mean(-1))
    assert_close(got[:, 2], x.min(-1).values)
    assert_close(got[:, 3], x.max(-1).values)
    for quarter in range(4):
        assert_close(got[:, 4 + quarter], x[..., 10 * quarter : 10 * quarter + 10].mean(-1))


def test_a_channel_needs_no_axis():
    x = torch.randn(7, 40)
    assert torch.equal(SignalSummary(1)(x), SignalSummary(1)(x[:, None]))
    assert SignalSummary(1)(x).shape == (7, SignalSummary(1).out_features)


def test_padding_is_not_seen():
    x = torch.randn(2, 3, 30)
    padded = torch.full((2, 3, 50), torch.nan)
    padded[0, :, :30], padded[1, :, 11:41] = x
    assert_close(SignalSummary(3)(padded), SignalSummary(3)(x))


def test_quarters_of_a_few_samples_share_them():
    assert SignalSummary(1)(torch.tensor([[2.0, 4.0]]))[0, 4:].tolist() == [2.0, 2.0, 4.0, 4.0]


def test_values_that_float32_can_just_hold():
    assert SignalSummary(1)(torch.tensor([[-1e38, 1e38]])).isfinite().all()
