"""Evenly spaced subsets of the rows of a data set."""

from __future__ import annotations

import numpy as np


def spread_rows(count: int, max_rows: int) -> np.ndarray:
    """Return the indices of evenly spaced rows.

    Parameters
    ----------
    count : int
        Number of rows.
    max_rows : int
        Maximum number of rows to choose.

    Returns
    -------
    ndarray of int of shape (min(count, max_rows),)
        Increasing indices. The first is that of the first row. If there are two or more, the last is that of the last
        row.
    """
    return np.linspace(0, count - 1, min(count, max_rows)).astype(int)
