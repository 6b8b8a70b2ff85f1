"""Wavelet images of signals as a scikit-learn transformer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..models import Scalogram
from ._batches import map_batches
from ._validation import DEVICE, POSITIVE_INT, SCALES, check_signals, resolve_device, unchanged_on_error

_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
_STATISTICS = (
    "mean", "std", "skewness", "kurtosis", "minimum", "q10", "q25", "median", "q75", "q90", "maximum", "mean_change",
)  # fmt: skip


def row_statistics(images: torch.Tensor) -> torch.Tensor:
    """Describe each row of images by twelve statistics over time.

    Parameters
    ----------
    images : Tensor of shape (B, V, S, T)
        Images.

    Returns
    -------
    Tensor of shape (B, V, S, 12)
        Mean, standard deviation, skewness, kurtosis, minimum, quantiles .1, .25, .5, .75 and .9, maximum, and mean
        absolute change. A constant row has skewness and kurtosis 0.
    """
    n_timepoints = images.shape[-1]
    mean = images.mean(-1, keepdim=True)
    centred = images - mean
    std = centred.square().mean(-1, keepdim=True).sqrt()
    scaled = centred / std.clamp(min=torch.finfo(images.dtype).tiny)
    squares = scaled.square()
    ordered = images.sort(-1).values
    places = [round(q * (n_timepoints - 1)) for q in (0.0, *_QUANTILES, 1.0)]
    change = images.diff().abs().sum(-1, keepdim=True) / max(1, n_timepoints - 1)
    moments = (mean, std, (squares * scaled).mean(-1, keepdim=True), squares.square().mean(-1, keepdim=True))
    return torch.cat((*moments, ordered[..., places], change), dim=-1)


# What becomes of a batch of images (b, M * V, S, T).
_OUTPUTS = {
    "image": lambda images: images,
    "flat": lambda images: images.flatten(1),
    "statistics": lambda images: row_statistics(images).flatten(1),
}


def _is_tabular(estimator: CWTTransformer) -> bool:
    if estimator.output == "image":
        raise AttributeError("output='image' has no columns to name; choose output='flat' or output='statistics'.")
    return True


class CWTTransformer(TransformerMixin, BaseEstimator):
    """Turn signals into time-frequency images, or into columns made of them.

    The continuous wavelet transform (Ricker wavelet) is taken of each signal and of its first and second difference.

    Parameters
    ----------
    cwt_scales : int or array-like of float, default=32
        A number n of scales, for the grid 0.1, 1.1, ..., n - 0.9, or the scales, in samples, increasing. A wavelet of
        scale s answers most to periods of about 4 s samples.
    diff_orders : tuple of {0, 1, 2}, default=(0, 1, 2)
        The views of a signal: itself (0), its first (1) and its second (2) difference.
    standardize : bool, default=True
        Whether each view of each sample is standardised over scales and time, so that amplitudes are forgotten.
    output : {"image", "flat", "statistics"}, default="image"
        Images (n, M * V, S, T); or the same as one row of M * V * S * T columns; or twelve statistics of each
        channel, view and scale: mean, standard deviation, skewness, kurtosis, minimum, five quantiles, maximum and
        mean absolute change.
    batch_size : int, default=256
        Signals that are transformed at a time.
    device : str or torch.device, default="auto"
        Where to compute; "auto" takes a CUDA GPU where there is one.

    Attributes
    ----------
    scales_ : ndarray of shape (S,), float64
        Scales in samples.
    n_channels_ : int
        Channels M of a signal.
    n_timepoints_ : int
        Samples T of a signal.
    n_features_in_ : int
        Length of the second axis of X in `fit`.
    input_shape_ : tuple of int
        Shape of one sample in `fit`.

    See Also
    --------
    MAEPretrainer : Learns features from such images.

    References
    ----------
    N. Ricker, "The form and laws of propagation of seismic wavelets", Geophysics 18, 1953.

    Examples
    --------
    >>> from sktsmae import CWTTransformer
    >>> from sktsmae.datasets import load_sparwatch
    >>> X = load_sparwatch().data[:10]
    >>> X.shape
    (10, 6, 200)
    >>> CWTTransformer(cwt_scales=16).fit_transform(X).shape
    (10, 18, 16, 200)
    >>> CWTTransformer(cwt_scales=16, output="statistics").fit_transform(X).shape
    (10, 3456)
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's name and form
        "cwt_scales": SCALES,
        "diff_orders": ["array-like"],
        "standardize": ["boolean"],
        "output": [StrOptions(set(_OUTPUTS))],
        "batch_size": [POSITIVE_INT],
        "device": DEVICE,
    }

    def __init__(
        self,
        *,
        cwt_scales: int | Sequence[float] = 32,
        diff_orders: Sequence[int] = (0, 1, 2),
        standardize: bool = True,
        output: str = "image",
        batch_size: int = 256,
        device: str | torch.device = "auto",
    ) -> None:
        self.cwt_scales = cwt_scales
        self.diff_orders = diff_orders
        self.standardize = standardize
        self.output = output
        self.batch_size = batch_size
        self.device = device

    def fit(self, X: Any, y: Any = None) -> CWTTransformer:
        """Remember the signals' size and work out the scales.

        Parameters
        ----------
        X : array-like of shape (n, T) or (n, M, T)
            Signals.
        y : None
            Ignored.

        Returns
        -------
        CWTTransformer
            Itself.

        Raises
        ------
        ValueError
            If a parameter or X is impossible; the message names it.
        """
        with unchanged_on_error(self):
            self._validate_params()
            resolve_device(self.device)
            X = check_signals(self, X, reset=True)
            if X.ndim == 4:
                raise ValueError(f"X has shape {X.shape}, a spectrogram already; CWTTransformer takes signals.")
            self._scalogram = Scalogram(self.cwt_scales, self.diff_orders, self.standardize)
            self.scales_ = self._scalogram.scales.numpy().copy()
            self.n_channels_ = 1 if X.ndim == 2 else X.shape[1]
            self.n_timepoints_ = X.shape[-1]
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Transform signals.

        Parameters
        ----------
        X : array-like of shape (n, T) or (n, M, T)
            Signals of the size seen in `fit`.

        Returns
        -------
        ndarray of shape (n, M * V, S, T), (n, M * V * S * T) or (n, M * V * S * 12), float32
            By `output`: images, images as rows, or statistics.
        """
        check_is_fitted(self)
        self._validate_params()
        X = check_signals(self, X, reset=False)
        device = resolve_device(self.device, fitted=True)

        finish = _OUTPUTS[self.output]
        return map_batches(lambda batch: finish(self._scalogram(batch).flatten(1, -3)), X, self.batch_size, device)

    @available_if(_is_tabular)
    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns of `transform`; there are none for ``output="image"``.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        ndarray of str
            Such as ``ch0_d1_s4.1_q90``: channel 0, first difference, scale 4.1 samples, 90 % quantile; or
            ``ch0_d1_s4.1_t12``: sample 12.
        """
        check_is_fitted(self)
        last = _STATISTICS if self.output == "statistics" else [f"t{time}" for time in range(self.n_timepoints_)]
        names = [
            f"ch{channel}_d{order}_s{scale:g}_{name}"
            for channel in range(self.n_channels_)
            for order in self._scalogram.diff_orders
            for scale in self.scales_
            for name in last
        ]
        return np.array(names, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
