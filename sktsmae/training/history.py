"""The losses and durations of the epochs, which skorch records during training."""

from __future__ import annotations

from .net import Net


def history_rows(net: Net) -> list[dict[str, float]]:
    """Convert the history of a net to plain Python numbers, one row per epoch.

    Parameters
    ----------
    net : Net
        A trained net.

    Returns
    -------
    list of dict
        One dict per epoch with ``epoch``, ``dur`` in seconds, ``train_loss`` and, with a validation set,
        ``valid_loss``. `pandas.DataFrame` accepts this list.
    """
    types = {"epoch": int, "train_loss": float, "valid_loss": float, "dur": float}  # losses are numpy scalars
    return [{key: to_type(row[key]) for key, to_type in types.items() if key in row} for row in net.history]
