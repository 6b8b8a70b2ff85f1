"""Data and settings of the estimators' tests: real signals, and networks that train in a tenth of a second."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Bunch
from skorch.callbacks import Callback

from sktsmae import MAEClassifier, MAEPretrainer
from sktsmae.datasets import load_sparwatch

# 4 x 8 patches of an image of 16 scales and 200 samples, otherwise as published.
PUBLISHED = {"standardize": True, "boundary": "zeros", "masking": "patches", "pooling": "mean"}
SIZES = {"cwt_scales": 16, "patch_size": (4, 25), "embed_dim": 32, "depth": 1, "num_heads": 2, "decoder_embed_dim": 32}
SMALL = {**SIZES, **PUBLISHED}
QUICK = {"max_epochs": 2, "batch_size": 16, "random_state": 0, "device": "cpu"}


class Record(Callback):
    """Keep what a test asks about; callbacks are copied before training, so the class keeps it."""

    weights: ClassVar[list[dict[str, torch.Tensor]]] = []
    batches: ClassVar[list[tuple[bool, torch.Tensor]]] = []
    rates: ClassVar[list[float]] = []

    def on_batch_begin(self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any) -> None:
        self.batches.append((training, batch))
        if training:
            self.rates.append(net.optimizer_.param_groups[0]["lr"])

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        self.weights.append(copy.deepcopy(net.module_.state_dict()))


def every(step: int, channels: list[int], subset: str = "train") -> Bunch:
    """Every so many recordings of some channels, which no test can change by mistake."""
    bunch = load_sparwatch(subset=subset)
    kept = Bunch(data=bunch.data[::step, channels].copy(), target=bunch.target[::step], groups=bunch.groups[::step])
    kept.data.setflags(write=False)
    kept.target.setflags(write=False)
    return kept


def fit_on_one_thread(estimator: BaseEstimator, *data: np.ndarray) -> Any:
    """Fit as tests do, so that what a session shares agrees bit by bit with what a test fits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return estimator.fit(*data)
    finally:
        torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def few() -> Bunch:
    """41 recordings of the six persons, acceleration and rotation about one axis."""
    return every(16, [0, 3])


@pytest.fixture(scope="session", name="X")
def one_channel(few) -> np.ndarray:
    """One channel, (41, 200)."""
    return few.data[:, 0]


@pytest.fixture(scope="session", name="X_channels")
def two_channels(few) -> np.ndarray:
    """Two channels, (41, 2, 200)."""
    return few.data


@pytest.fixture(scope="session")
def y(few) -> np.ndarray:
    """Seven exercises, five or six recordings of each."""
    return few.target


@pytest.fixture(scope="session")
def many() -> Bunch:
    """164 recordings of acceleration on three axes: enough to learn from in seconds."""
    return every(4, [0, 1, 2])


@pytest.fixture(scope="session")
def strangers() -> Bunch:
    """83 recordings of persons that are not in `many`; 19 % are of the largest class."""
    return every(6, [0, 1, 2], "test")


@pytest.fixture(scope="session")
def new_pretrainer() -> Callable[..., MAEPretrainer]:
    """Make an unfitted pretrainer of the small settings, or of others."""
    return lambda **params: MAEPretrainer(**{**SMALL, **QUICK, **params})


@pytest.fixture(scope="session")
def fitted_pretrainer(new_pretrainer, X) -> MAEPretrainer:
    """Fitted on `X`; not to be changed."""
    return fit_on_one_thread(new_pretrainer(), X)


@pytest.fixture(scope="session")
def new_classifier(fitted_pretrainer) -> Callable[..., MAEClassifier]:
    """Make an unfitted classifier of the published design and small settings, or of others, on `fitted_pretrainer`."""
    published = {"pretrainer": FrozenEstimator(fitted_pretrainer), "probe": False, "finetune": "full"}
    return lambda **params: MAEClassifier(**{**published, **QUICK, **params})


@pytest.fixture(scope="session")
def fitted_classifier(new_classifier, X, y) -> MAEClassifier:
    """Fitted on `X` and `y`; not to be changed."""
    return fit_on_one_thread(new_classifier(), X, y)


@pytest.fixture
def refused() -> Callable[..., AbstractContextManager[None]]:
    """Expect an error whose message matches, and the estimator's attributes to be the same objects afterwards."""

    @contextmanager
    def expect(estimator: BaseEstimator, match: str, error: type[BaseException] = ValueError) -> Iterator[None]:
        before = dict(vars(estimator))
        with pytest.raises(error, match=match):
            yield
        after = vars(estimator)
        assert after.keys() == before.keys()
        assert all(after[name] is before[name] for name in before)

    return expect


@pytest.fixture
def record() -> type[Record]:
    """Make a callback that keeps weights, batches and learning rates, none kept so far."""
    for kept in (Record.weights, Record.batches, Record.rates):
        kept.clear()
    return Record
