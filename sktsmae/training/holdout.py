"""The validation set of early stopping and of the weight of a fine-tuned network in an ensemble."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import train_test_split

from .parameters import TrainingParameters


def hold_out(
    params: TrainingParameters, count: int, seed: int, labels: np.ndarray | None = None, *, if_possible: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Split samples into a training and a validation set if early stopping is on or `if_possible` is True.

    Parameters
    ----------
    params : TrainingParameters
        An estimator, of which only `early_stopping` and `validation_fraction` are used.
    count : int
        Number of samples.
    seed : int
        Seed of the split.
    labels : ndarray of shape (count,), default=None
        Classes by which the split is stratified. If None, the split is not stratified.
    if_possible : bool, default=False
        Whether to split the samples also without early stopping, unless there are too few.

    Returns
    -------
    train, validation : ndarray of int
        Indices of the samples; `validation` may be empty without early stopping.

    Raises
    ------
    ValueError
        If early stopping is on, and one of the sets would be empty or a class has too few samples.
    """
    index = np.arange(count)
    if not (params.early_stopping or if_possible):
        return index, index[:0]
    fraction = params.validation_fraction
    try:
        train_rows, valid_rows = train_test_split(index, test_size=fraction, stratify=labels, random_state=seed)
    except ValueError as error:
        if not params.early_stopping:
            return index, index[:0]
        raise ValueError(
            f"early_stopping=True cannot hold out validation_fraction={fraction} of {count} samples ({error}); choose "
            "another fraction or early_stopping=False."
        ) from error
    return train_rows, valid_rows
