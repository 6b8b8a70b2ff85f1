"""Tests of signals that lack a channel, for example because a sensor was broken: the channel is ignored."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch.testing import assert_close

from sktsmae import CWTTransformer, MAEAnomalyDetector, MAEClassifier, MAEPretrainer
from sktsmae.models import CWT_MAE_RoPE, SignalClassifier, SignalEncoder
from sktsmae.models.features import FEATURES, FeatureContext
from sktsmae.models.heads import HEADS, build_head
from sktsmae.models.relevance import relevance_map

NAN = float("nan")


@pytest.fixture
def incomplete(few):
    """Return 41 signals of two channels, a quarter of which lack the second one."""
    X = few.data[:, :2].copy()
    X[::4, 1] = np.nan
    return X


@pytest.mark.parametrize("name", [name for name, kind in FEATURES.items() if not kind.needs_encoder])
def test_features_of_other_channels_and_signals_do_not_change(few, incomplete, name):
    X = torch.from_numpy(few.data[:, :2].copy())
    kind = FEATURES[name].from_context(FeatureContext(n_channels=2, n_timepoints=200))
    if kind.max_fit_signals:
        kind.fit([X], len(X))
    expected, features = kind(X), kind(torch.from_numpy(incomplete))
    lacking = torch.arange(41) % 4 == 0
    assert_close(features[~lacking], expected[~lacking])
    of_first = torch.tensor([feature.startswith("ch0") for feature in kind.feature_names()])
    if of_first.any():
        assert_close(features[lacking][:, of_first], expected[lacking][:, of_first])
        assert features[lacking][:, ~of_first].isnan().all()
    else:  # kernels add several channels
        assert features.isfinite().all()


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("num_channels", [1, 2])
def test_head_sees_only_the_tokens_of_the_other_channels(small_encoder, name, num_channels):
    settings = {"num_reasoning_tokens": 2, "num_res_blocks": 1, "hidden_dim": 8, "dropout": 0.0}
    encoder = SignalEncoder.from_settings(**small_encoder)
    network = SignalClassifier(encoder, build_head(name, 16, 3, 2, num_channels, settings)).eval()
    x = torch.randn(4, 2, 130)
    x[0, 1] = NAN
    outputs = network(x)
    if num_channels == 1:  # the head has no matrices for the channels
        assert_close(outputs[:1], network(x[:1, :1]))
    assert_close(outputs[1:], network(x[1:]))
    assert outputs.isfinite().all()
    outputs.sum().backward()
    assert all(weight.grad.isfinite().all() for weight in network.parameters() if weight.grad is not None)


def test_relevance_of_a_channel_without_values_is_zero(small_encoder):
    settings = {"num_reasoning_tokens": 2, "dropout": 0.0}
    encoder = SignalEncoder.from_settings(**small_encoder)
    network = SignalClassifier(encoder, build_head("reasoning", 16, 3, 2, 2, settings)).eval()
    x = torch.randn(2, 2, 130)
    x[0, 1] = NAN
    relevance = relevance_map(network, x, torch.tensor([0, 1]))
    assert relevance[0, 1].max() == 0
    assert_close(relevance.sum((1, 2, 3)), torch.ones(2))


def test_pretraining_loss_is_that_of_the_other_channels(small):
    model = CWT_MAE_RoPE(**small).eval()
    x, noise = torch.randn(3, 2, 130), torch.rand(3, 2, model.encoder.num_patches)
    x[0, 1] = NAN
    losses = model.signal_losses(x, {"noise": noise})
    assert_close(losses[:1], model.signal_losses(x[:1, :1], {"noise": noise[:1, :1]}))
    assert_close(losses[1:], model.signal_losses(x[1:], {"noise": noise[1:]}))


@pytest.mark.parametrize("settings", [{}, {"finetune": "full", "max_epochs": 1}, {"finetune": "head", "max_epochs": 1}])
def test_classifier_warns_once_and_predicts_for_incomplete_signals(incomplete, y, settings):
    classifier = MAEClassifier(random_state=0, **settings)
    with pytest.warns(UserWarning, match="11 of 41 signals in X lack a channel") as caught:
        classifier.fit(incomplete, y)
    assert len(caught) == 1
    with pytest.warns(UserWarning, match="lack a channel"):
        probabilities = classifier.predict_proba(incomplete)
    assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    assert (classifier.classes_[probabilities.argmax(1)] == y).mean() > 0.9


def test_incomplete_signals_do_not_disturb_the_others():
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    X = rng.normal(size=(80, 2, 50))
    X += np.sin(np.where(y, 0.5, 0.8)[:, None, None] * np.arange(50))
    lacking = np.arange(80) % 4 == 0
    X[lacking, 1] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classifier = MAEClassifier(random_state=0).fit(X[:40], y[:40])
        correct = classifier.predict(X[40:]) == y[40:]
    assert correct[~lacking[40:]].mean() > 0.9
    assert correct[lacking[40:]].mean() > 0.7  # from the first channel


@pytest.mark.filterwarnings("ignore:11 of 41 signals")
def test_transformers_return_nan_for_the_columns_of_a_missing_channel(incomplete, new_pretrainer):
    lacking = np.arange(41) % 4 == 0
    statistics = CWTTransformer(output="statistics").fit_transform(incomplete)
    assert_array_equal(np.isnan(statistics).any(1), lacking)
    pretrainer = new_pretrainer().fit(incomplete)
    assert_array_equal(np.isnan(pretrainer.transform(incomplete)).any(1), lacking)
    assert np.isfinite(pretrainer.score_samples(incomplete)).all()
    assert np.isfinite(CWTTransformer().fit_transform(incomplete)).all()


def test_signal_without_any_value_is_refused_by_its_number(incomplete):
    incomplete[23] = np.nan
    with pytest.raises(ValueError, match="X contains only NaN in sample 23"):
        MAEPretrainer().fit(incomplete)


@pytest.mark.filterwarnings("ignore:.* signals in X lack a channel")
def test_anomaly_scores_and_profiles_ignore_a_missing_channel(incomplete):
    detector = MAEAnomalyDetector().fit(incomplete)
    assert np.isfinite(detector.score_samples(incomplete)).all()
    assert np.isfinite(detector.anomaly_profile(incomplete)).all()
