"""Tests that one class and one entry in a table add a new kind of features, head or pretext task."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from torch import Tensor, nn

from sktsmae import CWTTransformer, MAEClassifier, MAEPretrainer, MAERegressor
from sktsmae.models import FEATURES, HEADS, PRETEXT_TASKS, Features, Head, PretextTask
from sktsmae.training import mixture


class Quantiles(Features):
    """Five quantiles of each channel, divided by the largest value of the channel in `fit`."""

    max_fit_signals = 100
    largest: Tensor

    def __init__(self, n_channels):
        super().__init__()
        self.n_channels = n_channels
        self.register_buffer("largest", torch.ones(n_channels))

    @classmethod
    def from_context(cls, context):
        return cls(context.n_channels)

    @property
    def out_features(self):
        return 5 * self.n_channels

    def feature_names(self, scale_names=None):
        return [f"ch{channel}_q{25 * quarter}" for channel in range(self.n_channels) for quarter in range(5)]

    def fit(self, batches, n_signals):
        self.largest = torch.stack([batch.reshape(len(batch), self.n_channels, -1).amax((0, 2)) for batch in batches])
        self.largest = self.largest.amax(0)

    def compute(self, x):
        channels = x.reshape(len(x), self.n_channels, -1) / self.largest[:, None]
        return channels.quantile(torch.linspace(0, 1, 5, device=x.device), dim=-1).permute(1, 2, 0).flatten(1)


class MaximumHead(Head):
    """A head that applies a linear layer to the maximum over the tokens."""

    def __init__(self, embed_dim, num_outputs):
        super().__init__()
        self.linear = nn.Linear(embed_dim, num_outputs)

    @classmethod
    def from_settings(cls, embed_dim, num_outputs, num_heads, **settings):
        return cls(embed_dim, num_outputs)

    def forward(self, tokens):
        return self.linear(tokens.amax(1))


class TimeReversal(PretextTask):
    """A pretext task that predicts from the class token whether a signal was reversed in time."""

    def __init__(self, **settings):
        super().__init__(self.settings_class(**settings))
        self.linear = nn.Linear(self.encoder.embed_dim, 1)

    def draw(self, count, device=None):
        return {"reversed": torch.randint(2, (count, 1), device=device)}

    def signal_losses(self, x, drawn=None):
        channels = self.signal_encoder.num_channels(x.shape[1:])
        drawn = drawn or self.draw(channels * len(x), x.device)
        is_reversed = drawn["reversed"].view(len(x), channels)
        x = x.view(len(x), channels, -1)
        tokens = self.signal_encoder(torch.where(is_reversed[..., None] == 1, x.flip(-1), x))  # (B, M, 1 + N, D)
        logits = self.linear(tokens[:, :, 0])[..., 0]
        losses = nn.functional.binary_cross_entropy_with_logits(logits, is_reversed.float(), reduction="none")
        return losses.mean(1)


@pytest.fixture
def extensions(monkeypatch):
    """Add a new kind of features, a new head and a new pretext task to the tables."""
    monkeypatch.setitem(FEATURES, "quantiles", Quantiles)
    monkeypatch.setitem(HEADS, "maximum", MaximumHead)
    monkeypatch.setitem(PRETEXT_TASKS, "time-reversal", TimeReversal)


def test_new_features_are_used_by_the_probe_and_the_transformer(extensions, few, tmp_path, monkeypatch):
    monkeypatch.setattr(mixture, "_NEGLIGIBLE", 0.0)  # keeps the models on all kinds of features
    X_channels, y = few.data[:20, :, :60], few.target[:20]
    classifier = MAEClassifier(random_state=0, device="cpu").fit(X_channels, y)
    assert list(classifier.probe_.features) == [
        "summary",
        "statistics",
        "positions",
        "competition",
        "shapelets",
        "spectrum",
        "embedding",
        "quantiles",
    ]
    expected = X_channels.max((0, 2))
    assert_array_equal(classifier.probe_.features["quantiles"].largest, torch.from_numpy(expected).float())
    classifier.save(tmp_path / "classifier.safetensors")
    loaded = MAEClassifier.load(tmp_path / "classifier.safetensors")
    assert_array_equal(loaded.predict_proba(X_channels), classifier.predict_proba(X_channels))
    assert_array_equal(clone(classifier).fit(X_channels, y).predict(X_channels), classifier.predict(X_channels))

    transformer = CWTTransformer(output="quantiles", device="cpu")
    features = transformer.fit_transform(X_channels)
    assert features.shape == (20, 10)
    assert features.max() == pytest.approx(1)
    assert transformer.get_feature_names_out()[7] == "ch1_q50"


@pytest.mark.parametrize("finetune", ["full", "head", "lora"])
def test_new_head_is_trained_and_saved(extensions, new_classifier, X_channels, y, finetune, tmp_path):
    classifier = new_classifier(head="maximum", finetune=finetune).fit(X_channels, y)
    assert isinstance(classifier.model_.head.head, MaximumHead)  # inside the head that combines channels
    classifier.save(tmp_path / "classifier.safetensors")
    loaded = MAEClassifier.load(tmp_path / "classifier.safetensors")
    assert_array_equal(loaded.predict_proba(X_channels), classifier.predict_proba(X_channels))
    assert_array_equal(clone(classifier).fit(X_channels, y).predict(X_channels), classifier.predict(X_channels))


def test_new_head_can_be_used_for_regression(extensions, fitted_pretrainer, X, tmp_path):
    params = {"head": "maximum", "finetune": "head", "probe": False, "max_epochs": 2, "random_state": 0}
    regressor = MAERegressor(pretrainer=FrozenEstimator(fitted_pretrainer), **params).fit(X, X.std(1))
    regressor.save(tmp_path / "regressor.safetensors")
    assert_array_equal(MAERegressor.load(tmp_path / "regressor.safetensors").predict(X), regressor.predict(X))


def test_new_pretext_task_is_trained_scored_and_saved(
    extensions, new_pretrainer, new_classifier, X_channels, y, tmp_path
):
    pretrainer = new_pretrainer(pretext_task="time-reversal", max_epochs=3, batch_size=8).fit(X_channels)
    assert isinstance(pretrainer.model_, TimeReversal)
    assert pretrainer.history_[-1]["train_loss"] < pretrainer.history_[0]["train_loss"]
    assert pretrainer.score_samples(X_channels).shape == (41,)
    assert np.isfinite(pretrainer.score(X_channels))
    pretrainer.save(tmp_path / "pretrainer.safetensors")
    loaded = MAEPretrainer.load(tmp_path / "pretrainer.safetensors")
    assert_array_equal(loaded.transform(X_channels), pretrainer.transform(X_channels))
    assert_array_equal(loaded.score_samples(X_channels), pretrainer.score_samples(X_channels))
    assert_array_equal(clone(pretrainer).fit(X_channels).transform(X_channels), pretrainer.transform(X_channels))
    with pytest.raises(ValueError, match="reconstruct needs pretext_task='reconstruction'"):
        pretrainer.reconstruct(X_channels)
    classifier = new_classifier(pretrainer=tmp_path / "pretrainer.safetensors").fit(X_channels, y)
    assert classifier.predict_proba(X_channels).shape == (41, 7)


def test_file_that_was_saved_without_a_kind_of_features_can_be_loaded_with_it(few, tmp_path, monkeypatch):
    X, y = few.data[:20, 0, :60], few.target[:20]
    classifier = MAEClassifier(random_state=0, device="cpu").fit(X, y)
    classifier.save(tmp_path / "classifier.safetensors")
    monkeypatch.setitem(FEATURES, "quantiles", Quantiles)
    loaded = MAEClassifier.load(tmp_path / "classifier.safetensors")
    assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))


def test_unknown_pretext_task_head_and_features_are_refused(new_pretrainer, new_classifier, X, y, refused):
    pretrainer, classifier = new_pretrainer(pretext_task="jigsaw"), new_classifier(head="x")
    with refused(pretrainer, "pretext_task='jigsaw': choose one of 'reconstruction'"):
        pretrainer.fit(X)
    with refused(classifier, "head='x': choose one of 'reasoning', 'mlp'"):
        classifier.fit(X, y)
    transformer = CWTTransformer(output="embedding")
    with refused(transformer, "output='embedding': choose one of 'image', 'flat', 'summary', 'statistics'"):
        transformer.fit(X)


def test_file_is_refused_if_its_pretext_task_or_head_is_not_in_the_tables(
    new_pretrainer, new_classifier, X, y, tmp_path, monkeypatch
):
    monkeypatch.setitem(PRETEXT_TASKS, "time-reversal", TimeReversal)
    monkeypatch.setitem(HEADS, "maximum", MaximumHead)
    new_pretrainer(pretext_task="time-reversal", max_epochs=1).fit(X).save(tmp_path / "pretrainer.safetensors")
    new_classifier(head="maximum", max_epochs=1).fit(X, y).save(tmp_path / "classifier.safetensors")
    monkeypatch.undo()
    with pytest.raises(ValueError, match="pretext_task='time-reversal': choose one of 'reconstruction'"):
        MAEPretrainer.load(tmp_path / "pretrainer.safetensors")
    with pytest.raises(ValueError, match=r"classifier\.safetensors: .*maximum"):
        MAEClassifier.load(tmp_path / "classifier.safetensors")
