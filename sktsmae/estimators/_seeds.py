"""Seeds: whoever gives one gets the same again, and no global generator moves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state

# torch's generators belong to the process: one fit at a time may have them.
_GENERATORS = threading.RLock()


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch inside the block, and leave the caller's generators as they were.

    Parameters
    ----------
    seed : int
        The seed.
    device : torch.device
        Where the block computes.
    """
    on_gpu = device.type == "cuda"
    with _GENERATORS, torch.random.fork_rng(devices=[device] if on_gpu else []):
        # torch.manual_seed would reach for generators that are not forked here.
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def draw_seed(random_state: Any) -> int:
    """Turn scikit-learn's `random_state` into one seed.

    Parameters
    ----------
    random_state : int, RandomState or None
        None asks the operating system rather than numpy's global generator, which stays untouched.

    Returns
    -------
    int
        A seed.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0] >> 1)
    return int(check_random_state(random_state).randint(2**31 - 1))
