"""Processes that train together, started by ``accelerate launch`` or ``torchrun``."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")

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

    def ask_first(self, function: Callable[[], T]) -> T:
        """Call a function in the first process, and tell all what it returned.

        Parameters
        ----------
        function : callable
            Takes nothing.

        Returns
        -------
        object
            What it returned.
        """
        if self.count == 1:
            return function()
        from accelerate.utils import broadcast_object_list

        (answer,) = broadcast_object_list([function() if self.rank == 0 else None])
        return answer

    def require_same(self, description: dict[str, str]) -> None:
        """Refuse to train together on what differs.

        Parameters
        ----------
        description : dict of str to str
            What this process is about to do.

        Raises
        ------
        ValueError
            If another process is about to do something else; the differences are named.
        """
        first = self.ask_first(lambda: description)
        differing = [f"{name} is {first[name]} and {own}" for name, own in description.items() if first[name] != own]
        if differing:
            raise ValueError(
                f"processes 0 and {self.rank} were to train together, but {'; '.join(differing)}. Give all the same."
            )


def launched_processes() -> Processes:
    """Return which of the processes this is that a launcher started together.

    Returns
    -------
    Processes
        One, where this was started alone, or by one of those.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))  # as launchers set it
    # A worker, as of joblib, inherits its parent's environment, and is none of them unless it says so.
    is_worker = multiprocessing.parent_process() is not None and not torch.distributed.is_initialized()
    if count == 1 or is_worker:
        return Processes()
    return Processes(int(os.environ["RANK"]), count)


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
    processes = launched_processes()
    if processes.count > 1:
        try:
            from accelerate import PartialState
        except ImportError as error:
            raise ImportError(
                "this process was started together with others (WORLD_SIZE is set), and to train with them takes "
                'accelerate: install "sktsmae[distributed]".'
            ) from error
        PartialState(cpu=device.type == "cpu", timeout=_PATIENCE)
    return processes
