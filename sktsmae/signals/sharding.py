"""The processes of a distributed training, and their shards of the data and of every batch."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class BatchShard:
    """The shard of a batch for one process. Its `len` is the size of the whole batch.

    Attributes
    ----------
    samples : Tensor of shape (b, ...), float32
        The samples of this process, at least one.
    start : int
        Index of the first of these samples in the batch.
    total : int
        Number of samples in the whole batch.
    weight : float
        Fraction of the batch in this shard. It is 0 if the batch has too few samples for all processes; the shard then
        has one sample that does not affect the loss.
    """

    samples: Tensor
    start: int
    total: int
    weight: float

    def __len__(self) -> int:
        return self.total
