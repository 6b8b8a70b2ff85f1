"""Callbacks of the user in fitted estimators."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from skorch.callbacks import Callback


class _Counter(Callback):
    """A callback that records the epochs and whose name begins with an underscore."""

    epochs: ClassVar[list[int]] = []

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        self.epochs.append(len(net.history))


@pytest.mark.parametrize("kind", ["pretrainer", "classifier"])
def test_callbacks_whose_class_name_begins_with_an_underscore_are_kept(kind, new_pretrainer, new_classifier, X, y):
    _Counter.epochs.clear()
    counter = _Counter()
    estimator = {"pretrainer": new_pretrainer, "classifier": new_classifier}[kind](callbacks=[counter]).fit(X, y)
    assert _Counter.epochs == [1, 2]
    (kept,) = estimator.net_.callbacks
    assert isinstance(kept, _Counter)
    assert kept is not counter  # callbacks are copied


def test_named_callbacks_keep_their_names(new_pretrainer, X):
    ((name, kept),) = new_pretrainer(callbacks=[("_counter", _Counter())]).fit(X).net_.callbacks
    assert name == "_counter"
    assert isinstance(kept, _Counter)
