"""Trainings that are interrupted and go on."""

from __future__ import annotations

import pytest
from numpy.testing import assert_array_equal
from sklearn.frozen import FrozenEstimator

ESTIMATORS = {
    "pretrainer": {},
    "classifier": {"finetune": "full"},
    "head": {"finetune": "head"},
    "lora": {"finetune": "lora"},
    "last block": {"finetune": 1},
}


@pytest.fixture(params=ESTIMATORS)
def new(request, new_pretrainer, new_classifier):
    """Make an unfitted estimator that trains four epochs."""
    make = new_pretrainer if request.param == "pretrainer" else new_classifier
    return lambda **params: make(**{**ESTIMATORS[request.param], "max_epochs": 4, **params})


def test_interrupted_fit_ends_with_the_weights_of_an_uninterrupted_one(new, X, y, interrupt, same_weights, tmp_path):
    whole = new().fit(X, y)
    folder = tmp_path / "made" / "here"
    with pytest.raises(KeyboardInterrupt):
        new(checkpoint_dir=folder, callbacks=[interrupt(epoch=3)]).fit(X, y)
    again = new(checkpoint_dir=folder).fit(X, y)
    assert same_weights(again.model_, whole.model_)
    assert [row["train_loss"] for row in again.history_] == [row["train_loss"] for row in whole.history_]
    assert again.n_iter_ == 4


def test_early_stopping_remembers_its_patience(new_pretrainer, X, interrupt, same_weights, tmp_path):
    settings = {"early_stopping": True, "validation_fraction": 0.2, "n_iter_no_change": 2, "max_epochs": 30, "lr": 1e-9}
    whole = new_pretrainer(**settings).fit(X)
    assert 3 <= whole.n_iter_ < 30
    stop = interrupt(epoch=whole.n_iter_ - 1)
    with pytest.raises(KeyboardInterrupt):
        new_pretrainer(**settings, checkpoint_dir=tmp_path, callbacks=[stop]).fit(X)
    again = new_pretrainer(**settings, checkpoint_dir=tmp_path).fit(X)
    assert again.n_iter_ == whole.n_iter_
    assert same_weights(again.model_, whole.model_)


def test_two_checkpoints_are_kept_and_a_finished_fit_does_not_train_again(new, X, y, same_weights, tmp_path):
    first = new(checkpoint_dir=tmp_path).fit(X, y)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-000003.pt", "epoch-000004.pt"]
    again = new(checkpoint_dir=tmp_path).fit(X, y)
    assert same_weights(again.model_, first.model_)
    assert again.history_ == first.history_  # seconds included: nothing was computed anew


def test_a_damaged_checkpoint_is_named_and_the_one_before_taken(new, X, y, same_weights, tmp_path):
    first = new(checkpoint_dir=tmp_path).fit(X, y)
    newest = tmp_path / "epoch-000004.pt"
    newest.write_bytes(newest.read_bytes()[:1000])
    with pytest.warns(UserWarning, match=r"epoch-000004\.pt cannot be read"):
        again = new(checkpoint_dir=tmp_path).fit(X, y)
    assert same_weights(again.model_, first.model_)


DIFFERENT = {
    "parameter": ({"lr": 0.5}, 1.0, r"lr was 0\.001 and is 0\.5"),
    "seed": ({"random_state": 7}, 1.0, "random_state was 0 and is 7"),
    "values": ({}, 3.0, "the values of X and y"),
}


@pytest.mark.parametrize(("params", "factor", "match"), DIFFERENT.values(), ids=DIFFERENT)
def test_another_training_is_refused(new, X, y, tmp_path, params, factor, match):
    new(checkpoint_dir=tmp_path).fit(X, y)
    with pytest.raises(ValueError, match=rf"checkpoint_dir=.* holds another training: .*{match}"):
        new(checkpoint_dir=tmp_path, **params).fit(factor * X, y)


def test_other_labels_are_refused(new_classifier, X, y, tmp_path):
    new_classifier(checkpoint_dir=tmp_path).fit(X, y)
    with pytest.raises(ValueError, match="the values of X and y"):
        new_classifier(checkpoint_dir=tmp_path).fit(X, y[::-1])


def test_another_frozen_encoder_is_refused(new_pretrainer, new_classifier, X, y, tmp_path):
    one, other = (FrozenEstimator(new_pretrainer(random_state=seed).fit(X)) for seed in range(2))
    new_classifier(pretrainer=one, checkpoint_dir=tmp_path).fit(X, y)
    with pytest.raises(ValueError, match="the initial network was checksum"):
        new_classifier(pretrainer=other, checkpoint_dir=tmp_path).fit(X, y)


def test_a_classifier_keeps_checkpoints_of_its_pre_training_too(new_pretrainer, new_classifier, X, y, tmp_path):
    pretrainer = new_pretrainer(random_state=None)
    first = new_classifier(pretrainer=pretrainer, checkpoint_dir=tmp_path).fit(X, y)
    assert len(list((tmp_path / "pretraining").iterdir())) == 2
    again = new_classifier(pretrainer=pretrainer, checkpoint_dir=tmp_path).fit(X, y)
    assert again.pretrainer_.history_ == first.pretrainer_.history_  # seconds included: not trained again


def test_a_seed_is_asked_for(new_pretrainer, X, refused, tmp_path):
    pretrainer = new_pretrainer(checkpoint_dir=tmp_path / "new", random_state=None)
    with refused(pretrainer, "random_state=None with checkpoint_dir: give an int"):
        pretrainer.fit(X)
    assert not (tmp_path / "new").exists()


def test_verbose_may_change_between_a_training_and_its_going_on(new_pretrainer, X, interrupt, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        new_pretrainer(checkpoint_dir=tmp_path, max_epochs=3, callbacks=[interrupt(epoch=2)]).fit(X)
    again = new_pretrainer(checkpoint_dir=tmp_path, max_epochs=3, verbose=1).fit(X)
    assert_array_equal([row["epoch"] for row in again.history_], [1, 2, 3])
