"""The check that numbers are positive and whole."""

from __future__ import annotations

from numbers import Integral


def require_positive(**sizes: int) -> None:
    """Check that sizes are positive whole numbers.

    Parameters
    ----------
    **sizes : int
        The sizes. Their names are used in the error message.

    Raises
    ------
    ValueError
        If a size is not a positive whole number. The message names it.
    """
    for name, size in sizes.items():
        if not isinstance(size, Integral) or size < 1:
            raise ValueError(f"{name}={size!r}: give a positive whole number.")
