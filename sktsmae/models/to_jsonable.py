"""Conversion of values to JSON-serialisable types."""

from __future__ import annotations

from typing import Any


def to_jsonable(value: Any) -> Any:
    """Convert a value to the type that it would have after writing it to JSON and reading it again.

    Parameters
    ----------
    value : object
        For example a tuple, a NumPy array or a NumPy number.

    Returns
    -------
    object
        A list for a sequence or an array, and a Python number for a NumPy number. Other values are unchanged.
    """
    if hasattr(value, "tolist"):
        return value.tolist()
    return [to_jsonable(item) for item in value] if isinstance(value, (tuple, list, range)) else value
