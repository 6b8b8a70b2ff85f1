"""Progress bars of tqdm."""

from __future__ import annotations

import warnings
from typing import Any

from tqdm import TqdmWarning

with warnings.catch_warnings():
    # In a notebook without ipywidgets, tqdm warns and shows a text bar. The warning would not help users.
    warnings.simplefilter("ignore", TqdmWarning)
    from tqdm.auto import tqdm


def progress_bar(description: str, steps: int, unit: str, verbose: int) -> Any:
    """Return a progress bar. It is a context manager.

    Parameters
    ----------
    description : str
        Text in front of the bar.
    steps : int
        Number of steps.
    unit : str
        Name of a step, shown with the speed.
    verbose : int
        0 hides the bar.

    Returns
    -------
    tqdm
        The bar. Its method ``update`` advances it by one step.
    """
    return tqdm(total=steps, desc=description, unit=unit, disable=not verbose)
