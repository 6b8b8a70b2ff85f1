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

# Sizes of a small network: 4 x 8 patches of an image of 16 scales and 200 samples. PUBLISHED is the published design.
PUBLISHED = {"standardize": True, "boundary": "zeros", "masking": "patches", "pooling": "mean"}
SIZES = {"cwt_scales": 16, "patch_size": (4, 25), "embed_dim": 32, "depth": 1, "num_heads": 2, "decoder_embed_dim": 32}
SMALL = {**SIZES, **PUBLISHED}
QUICK = {"max_epochs": 2, "batch_size": 16, "random_state": 0, "device": "cpu"}


class Record(Callback):
    """Store weights, batches and learning rates in class attributes, because training copies its callbacks."""

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
    """Raise KeyboardInterrupt at the end of an epoch, as Ctrl-C does."""

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
    """Run small networks on one thread, which is fastest: threads that wait for a busy core cost far more."""
    threads = torch.get_num_threads()
    if not request.node.get_closest_marker("slow"):
        torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def small() -> dict[str, Any]:
    """Return settings of a network that runs in milliseconds. Its 3 x 7 patches of 4 x 20 need padding on both axes."""
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
    """Return the settings of `small` that a classifier without a checkpoint needs."""
    return {name: value for name, value in small.items() if not name.startswith("decoder_")}


@pytest.fixture
def same_weights() -> Callable[[torch.nn.Module, torch.nn.Module], bool]:
    """Return a function that tells whether two networks have equal weights with equal names."""

    def compare(one: torch.nn.Module, other: torch.nn.Module) -> bool:
        ours, theirs = one.state_dict(), other.state_dict()
        return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)

    return compare


@pytest.fixture
def interrupt() -> type[Interrupt]:
    """Return a callback class that raises KeyboardInterrupt at the end of an epoch."""
    return Interrupt


def every_nth_recording(step: int, channels: list[int], subset: str = "train") -> Bunch:
    """Return some channels of every `step`-th recording, as read-only arrays."""
    bunch = load_sparwatch(subset=subset)
    selected = Bunch(data=bunch.data[::step, channels].copy(), target=bunch.target[::step], groups=bunch.groups[::step])
    selected.data.setflags(write=False)
    selected.target.setflags(write=False)
    return selected


def fit_on_one_thread(estimator: BaseEstimator, *data: np.ndarray) -> Any:
    """Fit on one thread, as tests do, so that shared estimators equal those fitted in a test bit by bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return estimator.fit(*data)
    finally:
        torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def few() -> Bunch:
    """Return 41 recordings of six persons: acceleration along one axis and rotation about it."""
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
    """Return the labels: seven exercises with five or six recordings per exercise."""
    return few.target


@pytest.fixture(scope="session")
def many() -> Bunch:
    """Return 164 recordings of acceleration along three axes, enough for a network to learn from within seconds."""
    return every_nth_recording(4, [0, 1, 2])


@pytest.fixture(scope="session")
def strangers() -> Bunch:
    """Return 83 recordings of persons who are not in `many`. The largest class has 19 % of them."""
    return every_nth_recording(6, [0, 1, 2], "test")


@pytest.fixture(scope="session")
def new_pretrainer() -> Callable[..., MAEPretrainer]:
    """Return a function that makes an unfitted pretrainer; its arguments override the small settings."""
    return lambda **params: MAEPretrainer(**{**SMALL, **QUICK, **params})


@pytest.fixture(scope="session")
def fitted_pretrainer(new_pretrainer, X) -> MAEPretrainer:
    """Return a pretrainer fitted on `X`. Tests must not change it."""
    return fit_on_one_thread(new_pretrainer(), X)


@pytest.fixture(scope="session")
def new_classifier(fitted_pretrainer) -> Callable[..., MAEClassifier]:
    """Return a function that makes an unfitted classifier; its arguments override the settings.

    The default settings fine-tune the encoder of `fitted_pretrainer` for two epochs, without a probe.
    """
    published = {"pretrainer": FrozenEstimator(fitted_pretrainer), "probe": False, "finetune": "full"}

    def make(**params: Any) -> MAEClassifier:
        settings = {**published, **QUICK, **params}
        if settings["finetune"] == "none" and "max_epochs" not in params:
            del settings["max_epochs"]  # it has no effect and would cause a warning
        return MAEClassifier(**settings)

    return make


@pytest.fixture(scope="session")
def fitted_classifier(new_classifier, X, y) -> MAEClassifier:
    """Return a classifier fitted on `X` and `y`. Tests must not change it."""
    return fit_on_one_thread(new_classifier(), X, y)


@pytest.fixture
def refused() -> Callable[..., AbstractContextManager[None]]:
    """Return a context manager that expects an error with a matching message.

    It also checks that the attributes of the estimator are the same objects afterwards.
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
