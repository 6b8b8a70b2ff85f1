"""Sums of rows with signs."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def signed_sums(rows: Tensor, summands: Tensor, signs: Tensor) -> Tensor:
    """Add some rows of a matrix, each multiplied by 1 or -1.

    Parameters
    ----------
    rows : Tensor of shape (..., R, n), float32
        The rows.
    summands : Tensor of shape (k, K), int64
        Indices of the k rows in each of K sums.
    signs : Tensor of shape (k, K), float32
        The sign of each row in each sum.

    Returns
    -------
    Tensor of shape (..., K, n), float32
        The sums. Rounding does not depend on the number of matrices, as it would in a matrix product.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.functional.signed_sums import signed_sums
    >>> rows = torch.tensor([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])
    >>> signed_sums(rows, torch.tensor([[0, 1], [2, 2]]), torch.tensor([[1.0, -1.0], [-1.0, 1.0]])).tolist()
    [[-99.0, -198.0], [90.0, 180.0]]
    """
    if torch.onnx.is_in_onnx_export():
        terms = zip(summands, signs[..., None], strict=True)
        total: Tensor = sum(rows[..., summand, :] * sign for summand, sign in terms)
        return total
    # A bag of embeddings is a sum of rows of a table. This is several times faster than adding the terms one by one.
    table = rows.flatten(0, -2)
    first = torch.arange(0, len(table), rows.shape[-2], device=rows.device)[:, None, None]  # first row of each matrix
    bags = (first + summands.T).flatten(0, 1)  # (... * K, k)
    sums = F.embedding_bag(bags, table, mode="sum", per_sample_weights=signs.to(rows.dtype).T.repeat(len(first), 1))
    return sums.view(*rows.shape[:-2], summands.shape[1], rows.shape[-1])
