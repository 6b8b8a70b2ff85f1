"""What is told while training: scikit-learn's callbacks, and the bar."""

from __future__ import annotations

import pytest
from sklearn.base import clone

callback = pytest.importorskip("sklearn.callback", reason="came with scikit-learn 1.9")


class Recorder:
    """Keep what is told; stop after so many epochs."""

    def __init__(self, stop_after=None):
        self.told = []
        self.stop_after = stop_after

    def setup(self, estimator, context):
        self.told.append(("setup", context.max_subtasks))

    def teardown(self, estimator, context):
        self.told.append(("teardown",))

    def on_fit_task_begin(self, estimator, context, **kwargs):
        self.told.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, metadata=None, **kwargs):
        self.told.append(("end", context.task_name, context.task_id, sorted(metadata or {})))
        return context.task_name == "epoch" and self.stop_after == context.task_id + 1


@pytest.fixture(params=["pretrainer", "full", "head"])
def new(request, new_pretrainer, new_classifier):
    """Make an unfitted estimator that trains."""
    if request.param == "pretrainer":
        return new_pretrainer
    return lambda **params: new_classifier(finetune=request.param, **params)


def test_callbacks_are_told_of_each_epoch(new, X, y, same_weights):
    recorder = Recorder()
    estimator = new(max_epochs=2).set_callbacks(recorder).fit(X, y)
    losses = ["dur", "epoch", "train_loss"]
    epochs = [told for epoch in (0, 1) for told in (("begin", "epoch", epoch), ("end", "epoch", epoch, losses))]
    assert recorder.told == [("setup", 2), ("begin", "fit", 0), *epochs, ("end", "fit", 0, []), ("teardown",)]
    assert same_weights(estimator.model_, new(max_epochs=2).fit(X, y).model_)


def test_callbacks_hear_the_end_of_the_epoch_in_which_a_training_stops_early(new, X, y):
    recorder = Recorder()
    stopping = {"early_stopping": True, "validation_fraction": 0.3, "n_iter_no_change": 1, "lr": 1.0}
    estimator = new(max_epochs=30, **stopping).set_callbacks(recorder).fit(X, y)
    assert estimator.n_iter_ < 30
    ended = [told for told in recorder.told if told[:2] == ("end", "epoch")]
    assert len(ended) == estimator.n_iter_
    assert "valid_loss" in ended[-1][3]


def test_a_callback_may_stop_a_training(new, X, y):
    estimator = new(max_epochs=5).set_callbacks(Recorder(stop_after=2)).fit(X, y)
    assert estimator.n_iter_ == 2
    assert len(estimator.transform(X)) == 41


def test_callbacks_are_torn_down_after_an_error(new, X, y, interrupt):
    recorder = Recorder()
    estimator = new(callbacks=[interrupt(epoch=1)]).set_callbacks(recorder)
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X, y)
    assert recorder.told[-1] == ("teardown",)
    assert not hasattr(estimator, "model_")


def test_clones_keep_callbacks_and_a_fit_without_training_tells_too(new_classifier, X, y):
    recorder = Recorder()
    clone(new_classifier(finetune="none", probe=True).set_callbacks(recorder)).fit(X, y)
    assert [told[0] for told in recorder.told] == ["setup", "begin", "end", "teardown"]


def test_scikit_learns_bar_shows_epochs(new_pretrainer, X):
    pytest.importorskip("rich", reason="the bar of scikit-learn is drawn by rich")
    assert new_pretrainer().set_callbacks(callback.ProgressBar()).fit(X).n_iter_ == 2
