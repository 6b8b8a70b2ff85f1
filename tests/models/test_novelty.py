"""Tests of the Mahalanobis distance and of the novelty model."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from sktsmae.functional.fingerprint import fingerprint
from sktsmae.models import MahalanobisDistance, NoveltyModel, SummaryStatistics


@pytest.mark.parametrize("in_features", [5, 60], ids=["fewer-features", "more-features"])
def test_distance_equals_the_definition(in_features):
    x, new = torch.randn(20, in_features), torch.randn(4, in_features)
    distance = MahalanobisDistance(in_features, 20)
    distance.fit(x)
    z = distance._standardise(x).double()
    matrix = z.T @ z + float(distance.ridge) * torch.eye(in_features, dtype=torch.float64)
    expected = torch.einsum("bi,ij,bj->b", (centred := distance._standardise(new).double()), matrix.inverse(), centred)
    assert_close(distance(new), expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("in_features", [5, 60], ids=["fewer-features", "more-features"])
def test_leave_one_out_distance_equals_that_without_the_sample(in_features):
    x = torch.randn(20, in_features)
    distance = MahalanobisDistance(in_features, 20)
    distance.fit(x)
    actual = distance.leave_one_out(distance(x))
    z = distance._standardise(x).double()
    for sample in range(20):
        others = torch.cat((z[:sample], z[sample + 1 :]))
        centred = others - others.mean(0)
        matrix = centred.T @ centred + float(distance.ridge) * torch.eye(in_features, dtype=torch.float64)
        difference = z[sample] - others.mean(0)
        assert_close(actual[sample], difference @ matrix.inverse() @ difference, rtol=1e-3, atol=0)


def test_an_extreme_feature_is_limited():
    distance = MahalanobisDistance(50, 30)
    distance.fit(torch.randn(30, 50))
    new = torch.zeros(2, 50)
    new[0, 0], new[1, 0] = 10, 1e6
    assert_close(distance(new)[0], distance(new)[1])


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_distance_from_equal_samples_is_finite(value):
    distance = MahalanobisDistance(4, 6)
    distance.fit(torch.full((6, 4), value))
    distances = torch.cat((distance.leave_one_out(distance(torch.full((6, 4), value))), distance(torch.randn(3, 4))))
    assert distances.log().isfinite().all()


def test_signals_of_the_fit_get_their_leave_one_out_distance():
    kind, x = SummaryStatistics(2), torch.randn(20, 2, 50)
    model = NoveltyModel({"summary": kind}, 20)
    expected = model.fit({"summary": kind(x)}, fingerprint(x))
    assert_close(model(x[5:8]), expected[5:8])
    assert (model(x + 1e-4) < expected).all()  # these are new signals, which are close to signals of the fit
