"""Fixtures that several test files share: data, small networks and callbacks."""

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

# Settings of the published CWT-MAE-RoPE model. Some of them differ from the defaults of MAEPretrainer.
PUBLISHED = {"standardize": True, "boundary": "zeros", "masking": "patches", "pooling": "mean"}
# Sizes of a small network: an image of 16 scales and 200 samples has 4 x 8 patches.
SIZES = {"cwt_scales": 16, "patch_size": (4, 25), "embed_dim": 32, "depth": 1, "num_heads": 2, "decoder_embed_dim": 32}
SMALL = {**SIZES, **PUBLISHED}
# Settings of a short training.
QUICK = {"max_epochs": 2, "batch_size": 16, "random_state": 0, "device": "cpu"}


class Record(Callback):
    """A callback that stores weights, batches and learning rates in class attributes, because `fit` copies it."""

    weights: ClassVar[list[dict[str, torch.Tensor]]] = []
    batches: ClassVar[list[tuple[bool, torch.Tensor]]] = []
    rates: ClassVar[list[float]] = []

    def on_batch_begin(self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any) -> None:
        self.batches.append((training, batch))
        if training:
            self.rates.append(net.optimizer_.param_groups[0]["lr"])

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        self.weights.append(copy.deepcopy(net.module_.state_dict()))


class Interrupt(Callback):
    """A callback that raises KeyboardInterrupt, as Ctrl-C does, at the end of an epoch."""

    def __init__(self, epoch: int = 1) -> None:
        self.epoch = epoch

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        if len(net.history) == self.epoch:
            raise KeyboardInterrupt("Ctrl-C")


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _one_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """Use one thread except in slow tests. If the cores are busy, small networks are much slower on several threads."""
    threads = torch.get_num_threads()
    if not request.node.get_closest_marker("slow"):
        torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def small() -> dict[str, Any]:
    """Return settings of a small network. Images of 10 x 130 need padding on both axes for 3 x 7 patches of 4 x 20."""
    return {
        "signal_len": 130,
        "cwt_scales": 10,
        "patch_size_freq": 4,
        "patch_size_time": 20,
        "embed_dim": 16,
        "depth": 2,
        "num_heads": 2,
        "decoder_embed_dim": 24,
        "decoder_depth": 1,
        "decoder_num_heads": 3,
    }


@pytest.fixture
def small_encoder(small: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of `small` except those of the decoder, which a classifier does not have."""
    return {name: value for name, value in small.items() if not name.startswith("decoder_")}


@pytest.fixture
def same_weights() -> Callable[[torch.nn.Module, torch.nn.Module], bool]:
    """Return a function that returns True if two networks have equal weights with equal names."""

    def compare(first: torch.nn.Module, second: torch.nn.Module) -> bool:
        weights, others = first.state_dict(), second.state_dict()
        return weights.keys() == others.keys() and all(torch.equal(weights[name], others[name]) for name in weights)

    return compare


@pytest.fixture
def interrupt() -> type[Interrupt]:
    """Return a callback class that raises KeyboardInterrupt at the end of an epoch."""
    return Interrupt


def every_nth_recording(step: int, channels: list[int], subset: str = "train") -> Bunch:
    """Return the given channels of every `step`-th recording, with read-only data and labels."""
    bunch = load_sparwatch(subset=subset)
    selected = Bunch(data=bunch.data[::step, channels].copy(), target=bunch.target[::step], groups=bunch.groups[::step])
    selected.data.setflags(write=False)
    selected.target.setflags(write=False)
    return selected


def fit_on_one_thread(estimator: BaseEstimator, *data: np.ndarray) -> Any:
    """Fit on one thread. Tests also do, so the weights of a shared estimator equal those of one fitted in a test."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return estimator.fit(*data)
    finally:
        torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def few() -> Bunch:
    """Return 41 recordings of six persons with two channels: acceleration along the x axis and rotation about it."""
    return every_nth_recording(16, [0, 3])


@pytest.fixture(scope="session", name="X")
def one_channel(few) -> np.ndarray:
    """Return signals of one channel, of shape (41, 200)."""
    return few.data[:, 0]


@pytest.fixture(scope="session", name="X_channels")
def two_channels(few) -> np.ndarray:
    """Return signals of two channels, of shape (41, 2, 200)."""
    return few.data


@pytest.fixture(scope="session")
def y(few) -> np.ndarray:
    """Return the labels of `X` and `X_channels`: seven exercises with five or six recordings each."""
    return few.target


@pytest.fixture(scope="session")
def many() -> Bunch:
    """Return 164 recordings of acceleration along three axes. A network learns from them within seconds."""
    return every_nth_recording(4, [0, 1, 2])


@pytest.fixture(scope="session")
def new_persons() -> Bunch:
    """Return 83 recordings of persons who are not in `many`. The largest class has 19 % of them."""
    return every_nth_recording(6, [0, 1, 2], "test")


@pytest.fixture(scope="session")
def new_pretrainer() -> Callable[..., MAEPretrainer]:
    """Return a function that makes an unfitted small pretrainer. Its arguments override the default settings."""
    return lambda **params: MAEPretrainer(**{**SMALL, **QUICK, **params})


@pytest.fixture(scope="session")
def fitted_pretrainer(new_pretrainer, X) -> MAEPretrainer:
    """Return a pretrainer fitted on `X`. Tests must not change it."""
    return fit_on_one_thread(new_pretrainer(), X)


@pytest.fixture(scope="session")
def new_classifier(fitted_pretrainer) -> Callable[..., MAEClassifier]:
    """Return a function that makes an unfitted classifier. Its arguments override the default settings.

    By default, the classifier fine-tunes the encoder of `fitted_pretrainer` for two epochs, without a probe.
    """
    defaults = {"pretrainer": FrozenEstimator(fitted_pretrainer), "probe": False, "finetune": "full"}

    def make(**params: Any) -> MAEClassifier:
        settings = {**defaults, **QUICK, **params}
        if settings["finetune"] == "none" and "max_epochs" not in params:
            del settings["max_epochs"]  # without fine-tuning, max_epochs would cause a warning
        return MAEClassifier(**settings)

    return make


@pytest.fixture(scope="session")
def fitted_classifier(new_classifier, X, y) -> MAEClassifier:
    """Return a classifier fitted on `X` and `y`. Tests must not change it."""
    return fit_on_one_thread(new_classifier(), X, y)


@pytest.fixture
def refused() -> Callable[..., AbstractContextManager[None]]:
    """Return a context manager that expects an error with a matching message.

    It also checks that the attributes of the estimator are still the same objects after the error.
    """

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
    """Return the callback class `Record` with empty lists."""
    for values in (Record.weights, Record.batches, Record.rates):
        values.clear()
    return Record
