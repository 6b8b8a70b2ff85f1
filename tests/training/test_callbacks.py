"""Tests of user-defined callbacks in fitted estimators."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from skorch.callbacks import Callback


class _Counter(Callback):
    """A callback that records the number of completed epochs. Names of built-in callbacks also begin with '_'."""

    epochs: ClassVar[list[int]] = []

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        self.epochs.append(len(net.history))


@pytest.mark.parametrize("kind", ["pretrainer", "classifier"])
def test_callback_is_kept_if_its_class_name_begins_with_an_underscore(kind, new_pretrainer, new_classifier, X, y):
    _Counter.epochs.clear()
    callback = _Counter()
    estimator = {"pretrainer": new_pretrainer, "classifier": new_classifier}[kind](callbacks=[callback]).fit(X, y)
    assert _Counter.epochs == [1, 2]
    (copied,) = estimator.net_.callbacks
    assert isinstance(copied, _Counter)
    assert copied is not callback


def test_callback_is_kept_if_its_name_begins_with_an_underscore(new_pretrainer, X):
    ((name, copied),) = new_pretrainer(callbacks=[("_counter", _Counter())]).fit(X).net_.callbacks
    assert name == "_counter"
    assert isinstance(copied, _Counter)
