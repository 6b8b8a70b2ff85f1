"""The processes of a distributed training."""

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


# If a process waits longer than this for another one, it raises an error.
_TIMEOUT = timedelta(minutes=10)


@dataclass(frozen=True)
class World:
    """The processes that train together, and the rank of this process.

    Attributes
    ----------
    rank : int, default=0
        Rank of this process.
    size : int, default=1
        Number of processes (the world size).
    """

    rank: int = 0
    size: int = 1

    def shard(self, total: int) -> range:
        """Return the indices that belong to this process.

        Parameters
        ----------
        total : int
            Number of items to divide among the processes.

        Returns
        -------
        range
            Consecutive indices. The numbers of items per process differ by at most one.
        """
        return range(self.rank * total // self.size, (self.rank + 1) * total // self.size)

    def means(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Average tensors over all processes with one all-reduce.

        Parameters
        ----------
        tensors : sequence of Tensor
            Tensors of this process, of the same shapes in every process.

        Returns
        -------
        list of Tensor
            The means.
        """
        from accelerate.utils import reduce

        message = reduce(torch.cat([tensor.flatten() for tensor in tensors]), "mean")
        parts = message.split([tensor.numel() for tensor in tensors])
        return [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]

    def broadcast_from_rank0(self, function: Callable[[], T]) -> T:
        """Call a function in rank 0 only, and return its result in every process.

        Parameters
        ----------
        function : callable
            Function without arguments.

        Returns
        -------
        object
            The result of the function in rank 0.
        """
        if self.size == 1:
            return function()
        from accelerate.utils import broadcast_object_list

        (result,) = broadcast_object_list([function() if self.rank == 0 else None])
        return result

    def require_same(self, description: dict[str, str]) -> None:
        """Raise if the training of this process differs from that of rank 0.

        Parameters
        ----------
        description : dict of str to str
            Description of the training of this process.

        Raises
        ------
        ValueError
            If the description differs from that of rank 0. The message names the differences.
        """
        first = self.broadcast_from_rank0(lambda: description)
        differing = [
            f"{name} is {first[name]} in rank 0 and {own} in rank {self.rank}"
            for name, own in description.items()
            if first[name] != own
        ]
        if differing:
            raise ValueError(
                f"ranks 0 and {self.rank} cannot train together because {'; '.join(differing)}. Give every process the "
                "same parameters and data."
            )


def launched_world() -> World:
    """Return the processes that ``torchrun`` or ``accelerate launch`` started together.

    Returns
    -------
    World
        The processes. The size is 1 if this process was started alone or is a worker of a launched process.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))  # set by launchers
    # A worker process, for example of joblib, inherits the environment, but was not launched itself.
    is_worker = multiprocessing.parent_process() is not None and not torch.distributed.is_initialized()
    if size == 1 or is_worker:
        return World()
    return World(int(os.environ["RANK"]), size)


def join_world(device: torch.device) -> World:
    """Connect this process to the processes that were launched with it.

    Parameters
    ----------
    device : torch.device
        Device that the processes compute on.

    Returns
    -------
    World
        The processes. The size is 1 if this process was started alone.

    Raises
    ------
    ImportError
        If several processes were launched and accelerate is not installed.
    """
    world = launched_world()
    if world.size > 1:
        try:
            from accelerate import PartialState
        except ImportError as error:
            raise ImportError(
                "this process was launched together with others (WORLD_SIZE is set), and distributed training needs "
                'accelerate: pip install "sktsmae[distributed]".'
            ) from error
        PartialState(cpu=device.type == "cpu", timeout=_TIMEOUT)
    return world
