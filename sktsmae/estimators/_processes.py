"""Processes that train together, started by ``accelerate launch`` or ``torchrun``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor

# A process that waits this long for another takes it for lost.
_PATIENCE = timedelta(minutes=10)


@dataclass(frozen=True)
class Processes:
    """Which of several processes this is.

    Attributes
    ----------
    rank : int, default=0
        Its place among them.
    count : int, default=1
        How many there are.
    """

    rank: int = 0
    count: int = 1

    def part(self, total: int) -> range:
        """Return this process's part of a number of things.

        Parameters
        ----------
        total : int
            How many there are.

        Returns
        -------
        range
            Their places: as many as the other processes have, or one more or less.
        """
        return range(self.rank * total // self.count, (self.rank + 1) * total // self.count)

    def means(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Average tensors over the processes, all in one message.

        Parameters
        ----------
        tensors : sequence of Tensor
            This process's, of the same shapes in each.

        Returns
        -------
        list of Tensor
            The means.
        """
        from accelerate.utils import reduce

        message = reduce(torch.cat([tensor.flatten() for tensor in tensors]), "mean")
        parts = message.split([tensor.numel() for tensor in tensors])
        return [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]


def join_processes(device: torch.device) -> Processes:
    """Join the processes that were started together with this one.

    Parameters
    ----------
    device : torch.device
        Where they compute.

    Returns
    -------
    Processes
        One, where this was started alone.

    Raises
    ------
    ImportError
        If there are others, and accelerate is missing.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:  # as launchers set it
        return Processes()
    try:
        from accelerate import PartialState
    except ImportError as error:
        raise ImportError(
            "this process was started together with others (WORLD_SIZE is set), and to train with them takes "
            'accelerate: install "sktsmae[distributed]".'
        ) from error
    state = PartialState(cpu=device.type == "cpu", timeout=_PATIENCE)
    return Processes(state.process_index, state.num_processes)
