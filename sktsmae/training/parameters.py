"""The parameters of the training loop, which all estimators that train have in common."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import StrOptions

from .constraints import (
    DEVICE,
    FRACTION,
    NON_NEGATIVE_INT,
    NON_NEGATIVE_REAL,
    OPEN_FRACTION,
    POSITIVE_INT,
    POSITIVE_REAL,
)


@dataclass(kw_only=True, eq=False, repr=False)
class TrainingParameters(BaseEstimator):  # numpydoc ignore=PR02
    """The parameters of the training loop, as a base class of estimators.

    Parameters
    ----------
    max_epochs : "auto" or int, default="auto"
        Number of passes over the training data. Each estimator says what "auto" means.
    batch_size : int, default=32
        Number of signals per step.
    lr : float, default=1e-3
        Peak learning rate of AdamW.
    weight_decay : float, default=0.05
        Weight decay of matrices; biases, norms, tokens and position embeddings have none.
    warmup_fraction : float, default=0.1
        Fraction of the steps for linear warm-up of the learning rate. A cosine decay to zero follows.
    gradient_clip : float or None, default=1
        Maximum norm of the gradient; None does not clip it.
    early_stopping : bool, default=False
        Whether to hold out a validation set, stop when its loss no longer decreases, and keep the best weights. A
        classifier stratifies the split by class.
    validation_fraction : float, default=0.1
        Fraction of the samples in the validation set, on which a network is not trained.
    n_iter_no_change : int, default=10
        Number of epochs without improvement before the training stops early.
    device : str or torch.device, default="auto"
        Device to compute on; "auto" selects a CUDA GPU if there is one.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Floating-point precision of the training; "auto" uses bfloat16 on a GPU and float32 on the CPU. Wavelets and
        losses always use float32.
    random_state : int, RandomState or None, default=None
        Seed of the weights, masks, dropout and order of the samples. With an int, fits on the CPU are reproducible. No
        global random generator is changed.
    verbose : int, default=0
        Whether to show a progress bar.
    callbacks : list or None, default=None
        Additional skorch callbacks. They are copied; the copies are in ``net_.callbacks`` after `fit`.
    checkpoint_dir : str, path-like or None, default=None
        Directory of checkpoints. One is written after each epoch, and the two newest are kept. If `fit` is called again
        with the same parameters and data, it resumes from the newest checkpoint and ends with the same weights as an
        uninterrupted fit. `random_state` must then be an int.
    """

    max_epochs: int | str = "auto"
    batch_size: int = 32
    lr: float = 1e-3
    weight_decay: float = 0.05
    warmup_fraction: float = 0.1
    gradient_clip: float | None = 1.0
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 10
    device: str | torch.device = "auto"
    precision: str = "auto"
    random_state: Any = None
    verbose: int = 0
    callbacks: list[Any] | None = None
    checkpoint_dir: str | os.PathLike[str] | None = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "max_epochs": [NON_NEGATIVE_INT, StrOptions({"auto"})],
        "batch_size": [POSITIVE_INT],
        "lr": [POSITIVE_REAL],
        "weight_decay": [NON_NEGATIVE_REAL],
        "warmup_fraction": [FRACTION],
        "gradient_clip": [POSITIVE_REAL, None],
        "early_stopping": ["boolean"],
        "validation_fraction": [OPEN_FRACTION],
        "n_iter_no_change": [POSITIVE_INT],
        "device": DEVICE,
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "callbacks": [list, None],
        "checkpoint_dir": [str, os.PathLike, None],
    }
