"""What several test files share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch


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
