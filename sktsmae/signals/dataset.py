"""The torch data set of signals and targets, which returns whole batches."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from .batch_shard import BatchShard
from .batches import load_batch
from .world import World


class SignalDataset(Dataset):
    """A data set of samples and their targets that returns whole batches.

    Parameters
    ----------
    X : ndarray of shape (n, ...)
        All samples.
    index : ndarray of int of shape (m,)
        Indices into X of the samples in this data set.
    targets : tuple of Tensor of shape (m, ...), default=()
        Targets of the samples in `index`.
    world : World, default=World()
        The processes among which each batch is divided.
    """

    def __init__(
        self,
        X: np.ndarray,
        index: np.ndarray,
        targets: tuple[Tensor, ...] = (),
        world: World = World(),  # noqa: B008 - frozen
    ) -> None:
        self.X = X
        self.index = index
        self.targets = targets
        self.world = world

    def __len__(self) -> int:
        return len(self.index)

    def __getitems__(self, positions: list[int]) -> tuple[Tensor | BatchShard, tuple[Tensor, ...]]:
        """Return a batch. The data loader calls this method once per batch.

        Parameters
        ----------
        positions : list of int
            Positions in `index`.

        Returns
        -------
        X : Tensor of shape (b, ...), float32, or BatchShard
            The samples. In distributed training, the shard of this process.
        targets : tuple of Tensor of shape (b, ...)
            Targets of these samples.
        """
        # Reading files in increasing order is fastest, and the order of samples within a batch does not matter.
        positions = sorted(positions, key=self.index.__getitem__)
        shard = self.world.shard(len(positions))
        start = min(shard.start, len(positions) - 1)
        rows = positions[start : max(shard.stop, start + 1)]  # at least one sample, even if the shard is empty
        samples, targets = load_batch(self.X, self.index[rows]), tuple(target[rows] for target in self.targets)
        if self.world.size == 1:
            return samples, targets
        return BatchShard(samples, start, len(positions), len(shard) / len(positions)), targets


def keep_batch(batch: Any) -> Any:
    """Return a batch unchanged. This is the collate function for `SignalDataset`, which returns whole batches.

    Parameters
    ----------
    batch : object
        The batch.

    Returns
    -------
    object
        The same batch.
    """
    return batch
