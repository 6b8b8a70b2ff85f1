"""Tests of the linear probe, which combines several linear models."""

import pytest
import torch
from torch.testing import assert_close

from sktsmae.models import Features, LinearProbe, LinearProbeClassifier, ModelInput
from sktsmae.models.probe import model_inputs


class Columns(Features):
    """Features that are the columns of the input from `start` up to `stop`, exclusive."""

    def __init__(self, start: int, stop: int) -> None:
        super().__init__()
        self.start, self.stop = start, stop

    @classmethod
    def from_context(cls, context):
        return cls(0, context.n_timepoints)

    @property
    def out_features(self):
        return self.stop - self.start

    def feature_names(self, scale_names=None):
        return [f"x{column}" for column in range(self.start, self.stop)]

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, self.start : self.stop]


def make_probe() -> LinearProbeClassifier:
    """Return a probe whose first model uses two of four input columns, and whose second model uses all of them."""
    features = {"first": Columns(0, 2), "last": Columns(2, 4)}
    return LinearProbeClassifier(features, num_outputs=3, inputs=[ModelInput(["first"]), ModelInput(["first", "last"])])


class Shared(Columns):
    """Columns that all linear models use."""

    shared = True


class Unlikely(Columns):
    """Columns whose linear model has a third of the prior weight of others."""

    prior_weight = 1 / 3


def test_each_kind_has_its_own_model_which_also_uses_the_shared_kinds():
    probe, x = LinearProbe({"all": Shared(0, 1), "a": Columns(1, 2), "b": Unlikely(2, 4)}, 1), torch.randn(5, 4)
    assert [kinds for kinds, _ in probe.inputs] == [["all"], ["all", "a"], ["all", "b"]]
    assert probe.model_names == ["all", "a", "b"]
    assert probe.prior_weights == pytest.approx([3 / 7, 3 / 7, 1 / 7])
    models = zip(probe.linear, (x[:, :1], x[:, :2], x[:, [0, 2, 3]]), strict=True)
    assert_close(probe.outputs(x), torch.stack([linear(columns) for linear, columns in models]))


class Joined(Columns):
    """Columns that also have a linear model together with those of other joined kinds."""

    joined = True


def test_joined_kinds_also_have_a_model_together():
    probe = LinearProbe({"all": Shared(0, 1), "a": Joined(1, 2), "b": Columns(2, 3), "c": Joined(3, 4)}, 1)
    own = [["a"], ["b"], ["c"], ["a", "c"]]
    assert [kinds for kinds, _ in probe.inputs] == [["all"], *(["all", *names] for names in own)]
    assert probe.model_names == ["all", "a", "b", "c", "a + c"]
    assert probe.prior_weights == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 6, 2 / 6])


def test_single_joined_kind_has_no_second_model():
    probe = LinearProbe({"all": Shared(0, 1), "a": Joined(1, 2)}, 1)
    assert probe.inputs == [ModelInput(["all"]), ModelInput(["all", "a"])]


def test_given_kinds_have_a_model_together_instead_of_joined_kinds():
    features = {"all": Shared(0, 1), "a": Joined(1, 2), "b": Columns(2, 3), "c": Joined(3, 4)}
    inputs = model_inputs(features, joined=features)
    assert [kinds for kinds, _ in inputs[:4]] == [kinds for kinds, _ in model_inputs(features)[:4]]
    assert inputs[4:] == [ModelInput(["all", "a", "b", "c"])]
    assert model_inputs(features, joined=["c", "a"]) == model_inputs(features)  # in the order of the features
    assert len(model_inputs(features, joined=["all", "a"])) == 4


class PerChannel(Columns):
    """Two columns for each of two channels. Each channel has a linear model of its own."""

    channel_prior_weight = 0.5

    def columns_of_channel(self, channel):
        return slice(2 * channel, 2 * channel + 2)


def test_each_channel_has_a_model_on_its_own_columns():
    features, x = {"all": Shared(0, 1), "a": PerChannel(1, 5)}, torch.randn(5, 5)
    probe = LinearProbe(features, 1, model_inputs(features, 2))
    assert probe.model_names == ["all", "a", "a of channel 0", "a of channel 1"]
    assert probe.prior_weights == pytest.approx([1 / 2.5, 1 / 2.5, 0.25 / 2.5, 0.25 / 2.5])
    for number, columns in [(2, [0, 1, 2]), (3, [0, 3, 4])]:
        assert_close(probe.outputs(x)[number], probe.linear[number](x[:, columns]))


def test_single_channel_has_no_second_model():
    assert len(model_inputs({"a": PerChannel(0, 2)}, 1)) == 1


def test_probabilities_are_averaged_over_a_model_of_the_first_kind_and_a_model_of_all_kinds():
    probe, x = make_probe(), torch.randn(5, 4)
    first, both = probe.linear
    expected = (first(x[:, :2]).softmax(-1) + both(x).softmax(-1)) / 2
    assert_close(probe(x).exp(), expected)


def test_probabilities_are_averaged_with_mixture_weights():
    probe, x = make_probe(), torch.randn(5, 4)
    probe.mixture_weights.copy_(torch.tensor([0.25, 0.75]))
    first, both = probe.linear
    assert_close(probe(x).exp(), 0.25 * first(x[:, :2]).softmax(-1) + 0.75 * both(x).softmax(-1))
    probe.mixture_weights.copy_(torch.tensor([0.0, 1.0]))
    assert_close(probe(x).exp(), both(x).softmax(-1))


def test_outputs_of_a_regression_probe_are_averaged_with_mixture_weights():
    features = {"x": Columns(0, 4), "again": Columns(0, 4)}
    probe, x = LinearProbe(features, 1, inputs=[ModelInput(["x"]), ModelInput(["x", "again"])]), torch.randn(5, 4)
    probe.mixture_weights.copy_(torch.tensor([0.25, 0.75]))
    first, both = probe.linear
    assert_close(probe(x), 0.25 * first(x) + 0.75 * both(torch.cat([x, x], dim=1)))


def test_class_offset_is_added_after_multiplying_log_probabilities_by_the_inverse_temperature():
    probe, x = make_probe(), torch.randn(5, 4)
    mixture = probe(x).exp()
    probe.inverse_temperature.fill_(2.0)
    probe.class_offset.copy_(torch.tensor([1.0, 2.0, 0.5]).log())
    expected = mixture**2 * torch.tensor([1.0, 2.0, 0.5])
    assert_close(probe(x).exp(), expected / expected.sum(-1, keepdim=True))
