"""Tests of training that resumes from checkpoints after an interruption."""

from __future__ import annotations

import pytest
from numpy.testing import assert_array_equal
from sklearn.frozen import FrozenEstimator

ESTIMATORS = {
    "pretrainer": {},
    "classifier": {"finetune": "full"},
    "head": {"finetune": "head"},
    "lora": {"finetune": "lora"},
    "last-block": {"finetune": 1},
}


@pytest.fixture(params=ESTIMATORS)
def new(request, new_pretrainer, new_classifier):
    """Return a function that makes an unfitted estimator with four epochs of training."""
    make = new_pretrainer if request.param == "pretrainer" else new_classifier
    return lambda **params: make(**{**ESTIMATORS[request.param], "max_epochs": 4, **params})


def test_resumed_fit_equals_an_uninterrupted_fit(new, X, y, interrupt, same_weights, tmp_path):
    uninterrupted = new().fit(X, y)
    folder = tmp_path / "new" / "folder"
    with pytest.raises(KeyboardInterrupt):
        new(checkpoint_dir=folder, callbacks=[interrupt(epoch=3)]).fit(X, y)
    resumed = new(checkpoint_dir=folder).fit(X, y)
    assert same_weights(resumed.model_, uninterrupted.model_)
    assert [row["train_loss"] for row in resumed.history_] == [row["train_loss"] for row in uninterrupted.history_]
    assert resumed.n_iter_ == 4


def test_resumed_fit_keeps_the_patience_of_early_stopping(new_pretrainer, X, interrupt, same_weights, tmp_path):
    settings = {"early_stopping": True, "validation_fraction": 0.2, "n_iter_no_change": 2, "max_epochs": 30, "lr": 1e-9}
    uninterrupted = new_pretrainer(**settings).fit(X)
    assert 3 <= uninterrupted.n_iter_ < 30
    stop = interrupt(epoch=uninterrupted.n_iter_ - 1)
    with pytest.raises(KeyboardInterrupt):
        new_pretrainer(**settings, checkpoint_dir=tmp_path, callbacks=[stop]).fit(X)
    resumed = new_pretrainer(**settings, checkpoint_dir=tmp_path).fit(X)
    assert resumed.n_iter_ == uninterrupted.n_iter_
    assert same_weights(resumed.model_, uninterrupted.model_)


def test_two_checkpoints_are_kept_and_a_finished_fit_is_not_repeated(new, X, y, same_weights, tmp_path):
    first = new(checkpoint_dir=tmp_path).fit(X, y)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-000003.pt", "epoch-000004.pt"]
    resumed = new(checkpoint_dir=tmp_path).fit(X, y)
    assert same_weights(resumed.model_, first.model_)
    assert resumed.history_ == first.history_  # the durations are equal, so no epoch was repeated


def test_a_damaged_checkpoint_causes_a_warning_and_the_previous_one_is_used(new, X, y, same_weights, tmp_path):
    first = new(checkpoint_dir=tmp_path).fit(X, y)
    newest = tmp_path / "epoch-000004.pt"
    newest.write_bytes(newest.read_bytes()[:1000])
    with pytest.warns(UserWarning, match=r"epoch-000004\.pt cannot be read"):
        resumed = new(checkpoint_dir=tmp_path).fit(X, y)
    assert same_weights(resumed.model_, first.model_)


DIFFERENT_TRAININGS = {
    "parameter": ({"lr": 0.5}, 1.0, r"lr was 0\.001 and is 0\.5"),
    "seed": ({"random_state": 7}, 1.0, "random_state was 0 and is 7"),
    "scaled-signals": ({}, 3.0, "the values of X and y"),
}


@pytest.mark.parametrize(("params", "factor", "match"), DIFFERENT_TRAININGS.values(), ids=DIFFERENT_TRAININGS)
def test_checkpoints_of_a_different_training_are_refused(new, X, y, tmp_path, params, factor, match):
    new(checkpoint_dir=tmp_path).fit(X, y)
    with pytest.raises(ValueError, match=rf"checkpoint_dir=.* contains checkpoints of another training: .*{match}"):
        new(checkpoint_dir=tmp_path, **params).fit(factor * X, y)


def test_checkpoints_of_other_labels_are_refused(new_classifier, X, y, tmp_path):
    new_classifier(checkpoint_dir=tmp_path).fit(X, y)
    with pytest.raises(ValueError, match="the values of X and y"):
        new_classifier(checkpoint_dir=tmp_path).fit(X, y[::-1])


def test_checkpoints_of_another_frozen_encoder_are_refused(new_pretrainer, new_classifier, X, y, tmp_path):
    first, second = (FrozenEstimator(new_pretrainer(random_state=seed).fit(X)) for seed in range(2))
    new_classifier(pretrainer=first, checkpoint_dir=tmp_path).fit(X, y)
    with pytest.raises(ValueError, match="the initial network was checksum"):
        new_classifier(pretrainer=second, checkpoint_dir=tmp_path).fit(X, y)


def test_a_classifier_also_stores_checkpoints_of_its_pre_training(new_pretrainer, new_classifier, X, y, tmp_path):
    pretrainer = new_pretrainer(random_state=None)
    first = new_classifier(pretrainer=pretrainer, checkpoint_dir=tmp_path).fit(X, y)
    assert len(list((tmp_path / "pretraining").iterdir())) == 2
    resumed = new_classifier(pretrainer=pretrainer, checkpoint_dir=tmp_path).fit(X, y)
    # The durations are equal, so no epoch was repeated.
    assert resumed.pretrainer_.history_ == first.pretrainer_.history_


def test_checkpoint_dir_requires_a_seed(new_pretrainer, X, refused, tmp_path):
    pretrainer = new_pretrainer(checkpoint_dir=tmp_path / "new", random_state=None)
    with refused(pretrainer, "random_state=None with checkpoint_dir: give an int"):
        pretrainer.fit(X)
    assert not (tmp_path / "new").exists()


def test_verbose_may_change_when_training_resumes(new_pretrainer, X, interrupt, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        new_pretrainer(checkpoint_dir=tmp_path, max_epochs=3, callbacks=[interrupt(epoch=2)]).fit(X)
    resumed = new_pretrainer(checkpoint_dir=tmp_path, max_epochs=3, verbose=1).fit(X)
    assert_array_equal([row["epoch"] for row in resumed.history_], [1, 2, 3])
