"""The processes of a distributed training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """The processes that train together, and the rank of this process.

    Attributes
    ----------
    rank : int, default=0
        Index of this process.
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
            Consecutive indices. The numbers of indices of two processes differ by at most one.
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

        averaged = reduce(torch.cat([tensor.flatten() for tensor in tensors]), "mean")
        parts = averaged.split([tensor.numel() for tensor in tensors])
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
            Values by name, which describe the training of this process.

        Raises
        ------
        ValueError
            If the description differs from that of rank 0. The message names the differences.
        """
        rank0_values = self.broadcast_from_rank0(lambda: description)
        differing = [
            f"{name} is {rank0_values[name]} in rank 0 and {value} in rank {self.rank}"
            for name, value in description.items()
            if rank0_values[name] != value
        ]
        if differing:
            raise ValueError(
                f"ranks 0 and {self.rank} cannot train together because {'; '.join(differing)}. Give every process the "
                "same parameters and data."
            )
