"""Fits of the models that describe normal signals: their features, and their windows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from ..functional.fingerprint import fingerprint
from ..functional.windows import dominant_period
from ..models import Features, NoveltyModel, WindowProfile
from ..signals.batches import sample_batches
from ..signals.map_batches import map_batches
from ..signals.spread_rows import spread_rows
from .features import fit_thresholds

# Maximum number of signals, and of values of one kind of features, from which a covariance matrix is learned.
_MAX_SIGNALS, _MAX_VALUES = 2000, 2 * 10**7
# Maximum number of signals from which windows are drawn, and number of windows of each length.
_WINDOWED_SIGNALS, _WINDOWS = 64, 3000


def fit_novelty(
    kinds: Mapping[str, Features], X: np.ndarray, batch_size: int, device: torch.device
) -> tuple[NoveltyModel, np.ndarray]:
    """Learn the distribution of the features of normal signals, from an evenly spaced subset of them.

    Parameters
    ----------
    kinds : mapping of str to Features
        The kinds of features, fitted in place.
    X : ndarray of shape (n, T) or (n, M, T)
        Normal signals, at least two.
    batch_size : int
        Maximum number of signals per batch.
    device : torch.device
        Device to compute on.

    Returns
    -------
    model : NoveltyModel
        The model.
    distances : ndarray of shape (m,), float64
        The leave-one-out results of the model for the subset.
    """
    widest = max(kind.out_features for kind in kinds.values())
    rows = spread_rows(len(X), max(2, min(_MAX_SIGNALS, _MAX_VALUES // widest)))
    model = NoveltyModel(kinds, len(rows)).to(device)
    features = {}
    for name, kind in kinds.items():
        size = kind.batch_size(batch_size, X.shape[-1])
        fit_thresholds(kind, X, size, device)
        features[name] = torch.from_numpy(map_batches(kind, X, size, device, rows)).to(device)
    hashes = torch.from_numpy(map_batches(fingerprint, X, batch_size, device, rows)).to(device)
    return model.eval(), model.fit(features, hashes).cpu().numpy()


def fit_window_profile(X: np.ndarray, window_length: int | str, device: torch.device) -> WindowProfile:
    """Draw windows from an evenly spaced subset of normal signals.

    Parameters
    ----------
    X : ndarray of shape (n, T) or (n, M, T)
        Normal signals, at least two.
    window_length : int or "auto"
        Number of samples of a window; "auto" uses the dominant period of the signals, but at most T / 4.
    device : torch.device
        Device to compute on.

    Returns
    -------
    WindowProfile
        The windows, and the distances between them.

    Raises
    ------
    ValueError
        If a window is longer than half of a signal.
    """
    (x,), _ = sample_batches(X, _WINDOWED_SIGNALS, _WINDOWED_SIGNALS, device)  # a single batch
    x = x[:, None] if x.ndim == 2 else x
    longest = x.shape[-1] // 2
    if isinstance(window_length, str):
        window_length = min(longest // 2, dominant_period(x.nan_to_num()))  # longer windows cannot tell when
    elif window_length > longest:
        raise ValueError(
            f"window_length={window_length} is more than half of the signal length {x.shape[-1]}; give at most "
            f"{longest}, 'auto' or None."
        )
    profile = WindowProfile(x.shape[1], int(window_length), _WINDOWS).to(device)
    with torch.inference_mode():
        profile.fit(x)
    return profile.eval()
