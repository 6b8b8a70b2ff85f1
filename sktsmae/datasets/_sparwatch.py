"""Loader of the SPARwatch data set."""

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
    """Load recordings of seven shoulder exercises by a wrist sensor (the SPARwatch data set, for classification).

    Parameters
    ----------
    subset : {"train", "test"}, default="train"
        The part to load. The two parts contain different persons.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    Bunch or tuple of ndarray
        ``data`` of shape (n, 6, 200), float32: windows of 200 samples; the channels are the acceleration and the
        rotation rate on three axes each. ``target`` of shape (n,), str: the exercise (pendulum, abduction, forward
        elevation, internal rotation, external rotation, trapezius extension or upright row). ``groups`` of shape (n,),
        int64: the number of the person.
        ``feature_names``: names of the channels. ``target_names``: names of the exercises. ``DESCR``: this description.
        There are 656 samples in "train" and 493 in "test".

    References
    ----------
    D. Burns et al., "Shoulder physiotherapy exercise recognition: machine learning the inertial signals from a
    smartwatch", Physiological Measurement 39, 2018. The data is taken from the package seglearn (BSD 3-clause licence,
    copyright 2018 David M. Burns); the file LICENSE in the folder of the data contains the licence.

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
