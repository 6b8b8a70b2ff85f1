"""Tests of the default MAEClassifier: linear classifiers on frozen features, with the encoder in the package."""

from __future__ import annotations

import copy
import pickle
import re
from importlib.resources import files

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss

from sktsmae import CWTTransformer, MAEClassifier, MAEPretrainer
from sktsmae.estimators import _supervised
from sktsmae.models import EncoderEmbedding, SignalClassifier
from sktsmae.training import features, mixture, streamed_features


@pytest.fixture(scope="module")
def shipped_pretrainer():
    """Return the pretrainer with the pre-trained encoder in the package. Tests must not change it."""
    return MAEPretrainer.from_pretrained()


@pytest.fixture(scope="module")
def default_classifier(many):
    """Return a fitted default classifier. Tests must not change it."""
    return MAEClassifier(random_state=0).fit(many.data, many.target)


@pytest.mark.parametrize("shape", [(2, 1), (2, 24), (3, 2, 512), (2, 700), (1, 5, 1300)])
def test_shipped_encoder_accepts_signals_of_any_length_and_number_of_channels(shipped_pretrainer, shape):
    out = shipped_pretrainer.transform(np.random.default_rng(0).normal(size=shape))
    features_per_channel = shipped_pretrainer.transform(np.zeros((1, 9))).shape[1]
    n_channels = shape[1] if len(shape) == 3 else 1
    assert out.shape == (shape[0], n_channels * features_per_channel)
    assert np.isfinite(out).all()


def test_shipped_encoder_is_below_12_megabytes_and_its_pre_training_is_documented():
    folder = files("sktsmae") / "weights"
    assert len((folder / "encoder.safetensors").read_bytes()) < 12e6
    readme = (folder / "README.md").read_text()
    assert re.search(r"python -m sktsmae pretrain --synthetic \d+ --epochs \d+ --seed \d+", readme)
    losses = [row["train_loss"] for row in MAEPretrainer.from_pretrained().history_]
    assert all(f"{loss:.4f}" in readme for loss in losses)
    assert losses == sorted(losses, reverse=True)


def test_shipped_encoder_refuses_spectrograms(shipped_pretrainer):
    with pytest.raises(ValueError, match="a spectrogram, but MAEPretrainer resamples signals"):
        shipped_pretrainer.transform(np.zeros((2, 3, 32, 512)))


def test_default_classifier_generalises_to_new_persons(default_classifier, new_persons):
    # Networks that are trained only on these data reach at most 0.5. Always predicting the largest class gives 0.19.
    assert default_classifier.score(new_persons.data, new_persons.target) > 0.6


def test_default_classifier_is_calibrated(default_classifier, new_persons):
    probabilities = default_classifier.predict_proba(new_persons.data)
    assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    correct = default_classifier.predict(new_persons.data) == new_persons.target
    assert abs(probabilities.max(1).mean() - correct.mean()) < 0.15
    log_loss_of_equal_probabilities = np.log(7)  # for seven classes
    assert log_loss(new_persons.target, probabilities) < 0.75 * log_loss_of_equal_probabilities


def test_default_classifier_trains_no_network(default_classifier):
    assert default_classifier.history_ == []
    assert not hasattr(default_classifier, "net_")
    assert not hasattr(default_classifier, "model_")
    signals = np.random.default_rng(0).normal(size=(2, 3, 200))
    expected = MAEPretrainer.from_pretrained().transform(signals)
    # Embeddings contain fractions of 64 columns of patches in which a feature exceeds a threshold. Only the pretrainer
    # subtracts the mean of each signal, so different rounding errors may move one column across a threshold.
    assert_allclose(default_classifier.transform(signals), expected, atol=1 / 64)


@pytest.mark.parametrize("finetune", ["none", "full", "head"])
def test_saved_pickled_and_copied_classifiers_give_the_same_results(new_classifier, X_channels, y, finetune, tmp_path):
    classifier = new_classifier(probe=True, finetune=finetune).fit(X_channels, y)
    classifier.save(tmp_path / "classifier.safetensors")
    expected = classifier.predict_proba(X_channels)
    for restored in (
        MAEClassifier.load(tmp_path / "classifier.safetensors"),
        pickle.loads(pickle.dumps(classifier)),
        copy.deepcopy(classifier),
    ):
        assert_allclose(restored.predict_proba(X_channels), expected, atol=1e-6)
        assert_array_equal(restored.transform(X_channels), classifier.transform(X_channels))


def test_probability_is_the_weighted_mean_of_probe_and_network(new_classifier, X, y):
    both = new_classifier(probe=True, finetune="full").fit(X, y)
    probe = new_classifier(probe=True, finetune="none").fit(X, y)
    with torch.inference_mode():
        network = both.model_(torch.from_numpy(X.copy())).softmax(-1).numpy()
    weight = both.ensemble_weights_["network"]
    assert 0 < weight < 1
    expected = (1 - weight) * probe.predict_proba(X) + weight * network
    assert_allclose(both.predict_proba(X), expected, atol=1e-5)


def test_unlabelled_rows_are_used_for_thresholds_only(X, y):
    labels = np.where(np.arange(len(y)) % 2, y, "?")
    classifier = MAEClassifier(unlabeled="?", random_state=0).fit(X, labels)
    assert set(classifier.classes_) == set(y[1::2])
    statistics = CWTTransformer(output="statistics").fit(X)
    assert_allclose(classifier.probe_.features["statistics"].thresholds, statistics.thresholds_[0], atol=1e-5)


def test_class_with_a_large_weight_becomes_more_probable(X, y):
    unweighted = MAEClassifier(random_state=0).fit(X, y).predict_proba(X)
    weighted = MAEClassifier(random_state=0, class_weight={"ABD": 50.0}).fit(X, y).predict_proba(X)
    assert (weighted[:, 0] >= unweighted[:, 0]).all()
    assert weighted[:, 0].mean() > 1.2 * unweighted[:, 0].mean()


def test_spectrograms_are_classified_by_their_embedding_only(new_pretrainer, X, y):
    spectrograms = CWTTransformer(cwt_scales=16).fit_transform(X)
    unused = {"cwt_scales": "auto", "boundary": "reflect"}  # defaults; other values would cause a warning
    pretrainer = FrozenEstimator(new_pretrainer(max_epochs=1, pooling="bands", **unused).fit(spectrograms))
    classifier = MAEClassifier(pretrainer=pretrainer, random_state=0).fit(spectrograms, y)
    assert list(classifier.probe_.features) == ["embedding"]
    assert classifier.score(spectrograms, y) > 0.5


def test_two_samples_can_be_fitted(X):
    classifier = MAEClassifier(random_state=0).fit(X[:2], ["a", "b"])
    assert_array_equal(classifier.predict(X[:2]), ["a", "b"])


def test_weights_of_the_ensemble_are_named_and_sum_to_one(X, y, new_classifier, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(mixture, "_NEGLIGIBLE", 0.0)
        default = MAEClassifier(random_state=0).fit(X, y)
    kinds = ["summary", "statistics", "positions", "competition", "shapelets", "spectrum"]
    assert list(default.ensemble_weights_) == [*kinds, "statistics + competition"]
    assert sum(default.ensemble_weights_.values()) == pytest.approx(1)
    network = new_classifier(probe=False, finetune="head").fit(X, y)
    assert network.ensemble_weights_ == {"network": 1.0}
    both = new_classifier(probe=True, finetune="head").fit(X, y)
    assert 0 < both.ensemble_weights_["network"] < 1
    assert sum(both.ensemble_weights_.values()) == pytest.approx(1)


def test_models_with_negligible_weights_are_dropped_with_their_features(many, monkeypatch, tmp_path):
    X, y = many.data[:, 0], many.target
    with monkeypatch.context() as patched:
        patched.setattr(mixture, "_NEGLIGIBLE", 0.0)
        complete = MAEClassifier(random_state=0, device="cpu").fit(X, y)
    others = 1 - max(complete.ensemble_weights_.values()) + 1e-4  # more than the rounding of a sum of weights
    monkeypatch.setattr(mixture, "_NEGLIGIBLE", others)
    classifier = MAEClassifier(random_state=0, device="cpu").fit(X, y)
    (name,) = classifier.ensemble_weights_
    assert classifier.ensemble_weights_[name] == 1
    assert set(classifier.probe_.features) == {"summary", "embedding", *name.split(" + ")}
    assert_array_equal(classifier.transform(X[:2]), complete.transform(X[:2]))  # the embedding is still there
    classifier.save(tmp_path / "classifier.safetensors")
    loaded = MAEClassifier.load(tmp_path / "classifier.safetensors")
    with monkeypatch.context() as patched:  # predictions do not compute the embedding
        patched.setattr(EncoderEmbedding, "forward", lambda self, x: pytest.fail("not needed"))
        assert_array_equal(loaded.predict_proba(X[:4]), classifier.predict_proba(X[:4]))


@pytest.mark.parametrize("good", [True, False])
def test_weight_of_a_network_follows_its_predictions_for_samples_held_out(
    new_classifier, many, monkeypatch, good, tmp_path
):
    X, y = many.data[:, 0], many.target
    codes = np.unique(y, return_inverse=True)[1]
    rows = {X[row].tobytes(): row for row in range(len(X))}

    def predict(self, x):
        """Return logits of the true class, or of another one, with high confidence."""
        labels = [codes[rows[signal.numpy().tobytes()]] + (not good) for signal in x]
        return 12 * torch.nn.functional.one_hot(torch.tensor(labels) % len(set(codes)), len(set(codes))).float()

    classifier = new_classifier(probe=True, finetune="head", max_epochs=0, validation_fraction=0.5)
    with monkeypatch.context() as patched:
        patched.setattr(SignalClassifier, "forward", predict)
        classifier.fit(X, y)
    weight = classifier.ensemble_weights_["network"]
    assert weight > 0.3 if good else weight < 0.1  # the prior is 0.1
    classifier.save(tmp_path / "classifier.safetensors")
    loaded = MAEClassifier.load(tmp_path / "classifier.safetensors")
    assert loaded.ensemble_weights_ == classifier.ensemble_weights_
    assert_array_equal(loaded.predict_proba(X[:4]), classifier.predict_proba(X[:4]))


def test_network_has_its_prior_weight_if_no_samples_can_be_held_out(new_classifier, X):
    classifier = new_classifier(probe=True, finetune="head", max_epochs=1).fit(X[:3], [0, 1, 2])
    assert classifier.ensemble_weights_["network"] == pytest.approx(0.1)


def test_samples_for_the_weight_of_a_network_are_not_used_to_train_it(new_classifier, X, y, record):
    record.batches.clear()
    new_classifier(probe=True, finetune="full", max_epochs=1, validation_fraction=0.2, callbacks=[record()]).fit(X, y)
    assert sum(len(batch[0]) for training, batch in record.batches) == 32  # of 41


def test_every_channel_has_a_model_of_its_own_unless_there_are_many_samples(X_channels, y, monkeypatch, tmp_path):
    names = [f"statistics of channel {channel}" for channel in range(2)]
    exact = MAEClassifier(random_state=0).fit(X_channels, y)
    assert list(exact.ensemble_weights_)[-2:] == names
    exact.save(tmp_path / "classifier.safetensors")
    loaded = MAEClassifier.load(tmp_path / "classifier.safetensors")
    assert_array_equal(loaded.predict_proba(X_channels), exact.predict_proba(X_channels))
    monkeypatch.setattr(features, "_MAX_SAMPLES", 0)
    monkeypatch.setattr(streamed_features, "WIDTH", 1024)
    projected = MAEClassifier(random_state=0).fit(X_channels, y)
    assert not set(names) & set(projected.ensemble_weights_)
    assert projected.score(X_channels, y) > 0.5


def test_many_samples_have_a_model_on_all_kinds_of_features_instead_of_single_channels(X_channels, y, monkeypatch):
    monkeypatch.setattr(mixture, "_NEGLIGIBLE", 0)
    few = list(MAEClassifier(random_state=0).fit(X_channels, y).ensemble_weights_)
    monkeypatch.setattr(_supervised, "MANY_SAMPLES", len(y) - 1)
    many = list(MAEClassifier(random_state=0).fit(X_channels, y).ensemble_weights_)
    kinds = ["statistics", "positions", "competition", "shapelets", "spectrum"]
    channels = [f"statistics of channel {channel}" for channel in range(2)]
    assert few == ["summary", *kinds, "statistics + competition", *channels]
    assert many == ["summary", *kinds, " + ".join(kinds)]


def test_one_channel_of_many_is_found():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 10, 40)), np.arange(40) % 2
    X[:, 7] += 2 * np.sin(2 * np.pi * np.where(y, 3, 6)[:, None] * np.arange(40) / 40)
    weights = MAEClassifier(random_state=0).fit(X, y).ensemble_weights_
    of_channels = {name: weight for name, weight in weights.items() if "channel" in name}
    assert max(of_channels, key=of_channels.get) == "statistics of channel 7"
    assert of_channels["statistics of channel 7"] > 2 * sum(of_channels.values()) / 10


@pytest.mark.parametrize(("method", "params"), [("fit", {}), ("partial_fit", {"classes": [0, 1, 2]})])
def test_linear_models_use_the_encoder_only_if_a_pretrainer_is_given(X, new_pretrainer, monkeypatch, method, params):
    monkeypatch.setattr(mixture, "_NEGLIGIBLE", 0)

    def weights(pretrainer):
        classifier = MAEClassifier(pretrainer=pretrainer, random_state=0)
        getattr(classifier, method)(X[:20], np.arange(20) % 3, **params)
        assert classifier.transform(X[:2]).shape == (2, len(classifier.get_feature_names_out()))
        return classifier.ensemble_weights_

    assert "embedding" not in weights(None)
    for pretrainer in (new_pretrainer(), FrozenEstimator(MAEPretrainer.from_pretrained())):
        assert "embedding" in weights(pretrainer)


@pytest.mark.parametrize("corrupted", ["tiny sample weight", "class weight of zero"])
def test_corrupted_signals_without_weight_do_not_disturb_the_others(X, y, corrupted):
    noise = 1e4 * np.random.default_rng(0).normal(size=(2, X.shape[1]))
    X_corrupted, weights = np.concatenate([X, noise]), np.r_[np.ones(len(X)), 1e-9, 1e-9]
    if corrupted == "tiny sample weight":
        classifier = MAEClassifier(random_state=0).fit(X_corrupted, np.r_[y, y[:2]], weights)
    else:
        classifier = MAEClassifier(random_state=0, class_weight={"noise": 0.0})
        classifier.fit(X_corrupted, np.r_[y, ["noise", "noise"]])
    assert classifier.score(X, y) > 0.9


def test_with_few_labels_the_weights_of_the_ensemble_are_close_to_their_prior(X, y):
    few_labels = MAEClassifier(random_state=0).fit(X[:4], ["a", "b", "a", "b"])
    prior = dict(zip(few_labels.probe_.model_names, few_labels.probe_.prior_weights, strict=True))
    assert few_labels.ensemble_weights_ == pytest.approx(prior, abs=0.1)


def test_projected_features_give_almost_the_same_probabilities(X, y, monkeypatch):
    exact = MAEClassifier(random_state=0).fit(X[:60], y[:60])
    monkeypatch.setattr(features, "_MAX_SAMPLES", 0)
    monkeypatch.setattr(streamed_features, "WIDTH", 1024)
    projected = MAEClassifier(random_state=0).fit(X[:60], y[:60])
    difference = np.abs(projected.predict_proba(X) - exact.predict_proba(X))
    assert 0 < difference.mean() < 0.03


def test_zero_class_weight_and_tiny_sample_weight_are_accepted(X, y):
    classifier = MAEClassifier(class_weight={"ABD": 0.0}, random_state=0).fit(X, y)
    assert (classifier.predict(X) != "ABD").all()
    weights = np.ones(len(y))
    weights[3] = 1e-60
    assert np.isfinite(MAEClassifier(random_state=0).fit(X, y, weights).predict_proba(X)).all()


def test_fit_save_and_load_leave_the_global_random_generator_unchanged(X, y, tmp_path):
    before = torch.get_rng_state()
    classifier = MAEClassifier(random_state=0).fit(X, y)
    classifier.save(tmp_path / "classifier.safetensors")
    MAEClassifier.load(tmp_path / "classifier.safetensors")
    assert torch.equal(torch.get_rng_state(), before)


def test_pretrainer_can_be_refitted_with_another_depth(new_pretrainer, X):
    pretrainer = new_pretrainer(pooling="bands", max_epochs=0).fit(X).set_params(depth=3)
    assert np.isfinite(pretrainer.fit(X).transform(X)).all()


def test_band_pooling_without_thresholds_is_refused(fitted_pretrainer, new_classifier, X, y):
    pretrainer = copy.deepcopy(fitted_pretrainer).set_params(pooling="bands")
    with pytest.raises(ValueError, match="pooling='bands' needs thresholds"):
        pretrainer.transform(X)
    with pytest.raises(ValueError, match="pooling='bands' needs thresholds"):
        new_classifier(pretrainer=FrozenEstimator(pretrainer), probe=True).fit(X, y)
