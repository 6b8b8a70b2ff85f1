"""What several test files share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from skorch.callbacks import Callback


class Interrupt(Callback):
    """Press Ctrl-C at the end of an epoch."""

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
    """Run tiny networks on one thread, where they are fastest; threads that wait for a busy core cost far more."""
    threads = torch.get_num_threads()
    if not request.node.get_closest_marker("slow"):
        torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def small() -> dict[str, Any]:
    """Settings of a network that runs in milliseconds, both ends of its images ragged: 3 x 7 patches of 4 x 20."""
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
    """The settings of `small` that a classifier without a checkpoint needs."""
    return {name: value for name, value in small.items() if not name.startswith("decoder_")}


@pytest.fixture
def same_weights() -> Callable[[torch.nn.Module, torch.nn.Module], bool]:
    """Tell whether two networks hold equal weights under equal names."""

    def compare(one: torch.nn.Module, other: torch.nn.Module) -> bool:
        ours, theirs = one.state_dict(), other.state_dict()
        return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)

    return compare


@pytest.fixture
def interrupt() -> type[Interrupt]:
    """Make a callback that presses Ctrl-C."""
    return Interrupt
