"""The shard of a batch that one process of a distributed training computes."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class BatchShard:
    """The samples of a batch that one process computes. `len` returns the number of samples in the whole batch.

    Attributes
    ----------
    samples : Tensor of shape (b, ...), float32
        The samples of this process, at least one.
    start : int
        Index of the first of these samples in the batch.
    total : int
        Number of samples in the whole batch.
    weight : float
        Fraction of the samples of the batch in this shard. If the batch has fewer samples than there are processes,
        some shards have weight 0 and one sample, which does not affect the loss.
    """

    samples: Tensor
    start: int
    total: int
    weight: float

    def __len__(self) -> int:
        return self.total
