"""Processing of signals in chunks, with a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from tqdm.auto import tqdm

# Number of signals per chunk. The progress bar is updated once per chunk.
CHUNK_SIZE = 512


def map_chunks(function: Callable[[np.ndarray], np.ndarray], X: np.ndarray, description: str) -> Iterator[np.ndarray]:
    """Apply a function to chunks of signals, with a progress bar if there is more than one chunk.

    Parameters
    ----------
    function : callable
        Returns one row per signal.
    X : ndarray of shape (n, ...)
        Signals; may be memory-mapped.
    description : str
        Text in front of the progress bar.

    Yields
    ------
    ndarray of shape (m, ...)
        The rows of the next m signals.

    Raises
    ------
    ValueError
        If the function raises one. After the first chunk, the message gives the index at which the chunk starts.
    """
    with tqdm(total=len(X), desc=description, unit="signal", disable=len(X) <= CHUNK_SIZE) as bar:
        for start in range(0, len(X), CHUNK_SIZE):
            try:
                rows = function(X[start : start + CHUNK_SIZE])
            except ValueError as error:  # its message may contain an index within the chunk
                raise ValueError(
                    f"in the chunk that starts at signal {start}: {error}" if start else str(error)
                ) from error
            yield rows
            bar.update(len(rows))
