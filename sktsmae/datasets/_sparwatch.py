"""The SPARwatch data set."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import Any

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions, validate_params


@validate_params(
    {"subset": [StrOptions({"train", "test"})], "return_X_y": ["boolean"]}, prefer_skip_nested_validation=True
)
def load_sparwatch(*, subset: str = "train", return_X_y: bool = False) -> Any:
    """Load seven physiotherapy exercises of the shoulder, recorded by a wrist sensor.

    Parameters
    ----------
    subset : {"train", "test"}, default="train"
        Which persons: none is in both.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` in place of a Bunch.

    Returns
    -------
    Bunch or tuple of ndarray
        ``data`` of shape (n, 6, 200), float32: acceleration on three axes and rotation rate on three, in windows of
        200 samples; ``target`` of shape (n,), str: the exercise (pendulum, abduction, forward elevation, internal and
        external rotation, trapezius extension, upright row); ``groups`` of shape (n,), int64: the person;
        ``feature_names``: the channels; ``target_names``: the exercises; ``DESCR``. There are 656 samples in "train"
        and 493 in "test".

    References
    ----------
    D. Burns et al., "Shoulder physiotherapy exercise recognition: machine learning the inertial signals from a
    smartwatch", Physiological Measurement 39, 2018. The data comes with seglearn, BSD 3-clause, copyright 2018
    David M. Burns; the licence is in the file LICENSE beside it.

    Examples
    --------
    >>> from sktsmae.datasets import load_sparwatch
    >>> X, y = load_sparwatch(return_X_y=True)
    >>> X.shape, y.shape
    ((656, 6, 200), (656,))
    """
    with as_file(files("sktsmae.datasets") / "data" / "sparwatch.npz") as path, np.load(path) as archive:
        data, target = archive[f"X_{subset}"], archive[f"y_{subset}"]
        groups = archive[f"subject_{subset}"]
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        groups=groups,
        feature_names=["acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z"],
        target_names=np.unique(target),
        DESCR=load_sparwatch.__doc__,
    )
