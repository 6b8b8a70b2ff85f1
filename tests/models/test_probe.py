import torch
from torch import nn
from torch.testing import assert_close

from sktsmae.models import LinearProbe, Probe


def halves() -> Probe:
    """A probe on the first and the last two of four values."""

    class Slice(nn.Module):
        def __init__(self, start: int) -> None:
            super().__init__()
            self.start = start

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, self.start : self.start + 2]

    return Probe({"first": Slice(0), "last": Slice(2)}, {"first": 2, "last": 2}, num_classes=3)


def test_probability_is_the_mean_of_those_by_the_first_features_and_by_all():
    probe, x = halves(), torch.randn(5, 4)
    assert probe.num_features == 4
    one, both = probe.linear
    expected = (one(x[:, :2]).softmax(-1) + both(x).softmax(-1)) / 2
    assert_close(probe(x).exp(), expected)


def test_probabilities_are_mixed_by_shares():
    probe, x = halves(), torch.randn(5, 4)
    probe.shares.copy_(torch.tensor([0.25, 0.75]))
    one, both = probe.linear
    assert_close(probe(x).exp(), 0.25 * one(x[:, :2]).softmax(-1) + 0.75 * both(x).softmax(-1))
    probe.shares.copy_(torch.tensor([0.0, 1.0]))
    assert_close(probe(x).exp(), both(x).softmax(-1))


def test_outputs_of_linear_models_are_mixed_by_shares():
    probe, x = LinearProbe({"x": nn.Identity(), "again": nn.Identity()}, {"x": 4, "again": 4}, 1), torch.randn(5, 4)
    probe.shares.copy_(torch.tensor([0.25, 0.75]))
    one, both = probe.linear
    assert_close(probe(x), 0.25 * one(x) + 0.75 * both(torch.cat([x, x], dim=1)))


def test_sharpness_is_a_power_and_weights_of_classes_are_factors():
    probe, x = halves(), torch.randn(5, 4)
    plain = probe(x).exp()
    probe.sharpness.fill_(2.0)
    probe.class_offset.copy_(torch.tensor([1.0, 2.0, 0.5]).log())
    expected = plain**2 * torch.tensor([1.0, 2.0, 0.5])
    assert_close(probe(x).exp(), expected / expected.sum(-1, keepdim=True))
