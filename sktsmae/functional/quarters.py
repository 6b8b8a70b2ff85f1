"""Division of time series into quarters."""

from __future__ import annotations

from itertools import pairwise

NUM_QUARTERS = 4


def quarter_bounds(length: int) -> list[tuple[int, int]]:
    """Return the bounds of the four quarters of a series.

    Parameters
    ----------
    length : int
        Length of the series, at least 1.

    Returns
    -------
    list of tuple of int
        Start and stop of each quarter. No quarter is empty, so the quarters of a series with fewer than four samples
        overlap.

    Examples
    --------
    >>> from sktsmae.functional.quarters import quarter_bounds
    >>> quarter_bounds(10), quarter_bounds(2)
    ([(0, 2), (2, 5), (5, 7), (7, 10)], [(0, 1), (0, 1), (1, 2), (1, 2)])
    """
    bounds = [quarter * length // NUM_QUARTERS for quarter in range(NUM_QUARTERS + 1)]
    return [(start, max(start + 1, stop)) for start, stop in pairwise(bounds)]
