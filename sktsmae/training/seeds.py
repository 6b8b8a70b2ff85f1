"""Seeds, which make results reproducible and leave the global random generators unchanged."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state

# All threads of the process share the generators of torch, so only one fit at a time may use them.
_GENERATORS = threading.RLock()


def unseeded() -> AbstractContextManager[Any]:
    """Return a context for code that draws random numbers of no importance, such as weights that a file replaces.

    Without it, a fit in another thread would get other random numbers.

    Returns
    -------
    context manager
        The context.
    """
    return seeded(0, torch.device("cpu"))


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the random generators of torch inside the context, and restore their states afterwards.

    Parameters
    ----------
    seed : int
        The seed.
    device : torch.device
        Device that the context computes on.
    """
    on_gpu = device.type == "cuda"
    with _GENERATORS, torch.random.fork_rng(devices=[device] if on_gpu else []):
        # torch.manual_seed would also seed generators that are not forked here.
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def draw_seed(random_state: Any) -> int:
    """Draw an integer seed from the `random_state` of an estimator.

    Parameters
    ----------
    random_state : int, RandomState or None
        None uses the entropy of the operating system instead of the global generator of numpy.

    Returns
    -------
    int
        A seed.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0] >> 1)
    return int(check_random_state(random_state).randint(2**31 - 1))
