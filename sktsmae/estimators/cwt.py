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
from torch import nn

from ..functional.wavelets import BOUNDARIES, peak_frequency
from ..models import Scalogram, WaveletStatistics
from ._batches import map_batches
from ._networks import resolve_scales
from ._persistence import NetworkMixin
from ._statistics import apply_statistics, learn_thresholds
from ._validation import DEVICE, POSITIVE_INT, SAMPLING_RATE, SCALES, check_signals, resolve_device, rollback_on_error


def _is_tabular(estimator: CWTTransformer) -> bool:
    if estimator.output == "image":
        raise AttributeError("output='image' has no columns to name; choose output='flat' or output='statistics'.")
    return True


class CWTTransformer(NetworkMixin, TransformerMixin, BaseEstimator):
    """Turn signals into time-frequency images, or into columns made of them.

    The continuous wavelet transform (Ricker wavelet) is taken of each signal and of its first and second difference.

    Parameters
    ----------
    cwt_scales : "auto", int or array-like of float, default="auto"
        "auto" takes for images 32 scales in equal ratios, from 0.7 samples to a fifth of the signal; for statistics 24:
        0.1, 1.1, ..., 15.1 and eight from there to a tenth of it (of a signal of T < 256 samples, these times T / 256).
        A number n stands for the published grid 0.1, 1.1, ..., n - 0.9. Or the scales, in samples, increasing. A
        wavelet of scale s answers most to periods of about 4 s samples.
    diff_orders : tuple of {0, 1, 2}, default=(0, 1, 2)
        The views of a signal: itself (0), its first (1) and its second (2) difference.
    standardize : bool or "per_scale", default=True
        Whether each view of each image is standardised over scales and time (the published design); "per_scale"
        standardises each scale over time. Statistics use unstandardised images, so that they keep level and amplitude.
    boundary : {"zeros", "reflect"}, default="zeros"
        What lies outside a signal's ends in an image: zeros (the published design), or the signal mirrored. Statistics
        are always of mirrored signals.
    output : {"image", "flat", "statistics"}, default="image"
        Images (n, M * V, S, T); or the same as one row of M * V * S * T columns; or, for tabular models, 28 statistics
        of each channel, of each of its views and scales, and of K <= 2 V S sums of three of these: the share of the
        time above four thresholds, in the whole signal and in each quarter, and the longest run above and below each.
        The thresholds are quantiles over the signals seen in `fit`.
    sampling_rate : float or None, default=None
        Samples a second; then columns are named by frequencies in Hz, and figures are in Hz and seconds.
    batch_size : int, default=256
        Signals that are made images of at a time; statistics choose for themselves.
    device : str or torch.device, default="auto"
        Where to compute; "auto" takes a CUDA GPU where there is one.

    Attributes
    ----------
    thresholds_ : ndarray of shape (M, 1 + V * S + K, 4), float32
        Thresholds of each channel, less `offset_`: the signal's, those of its views and scales, and those of their
        sums; only with ``output="statistics"``.
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
    offset_ : ndarray of shape () or (M,), float64
        What is subtracted from each channel before it becomes float32: its level in `fit`, if that is over 1,000 times
        what signals vary by; 0 otherwise.

    See Also
    --------
    MAEPretrainer : Learns features from such images.

    References
    ----------
    N. Ricker, "The form and laws of propagation of seismic wavelets", Geophysics 18, 1953.

    C. W. Tan et al., "MultiRocket", Data Mining and Knowledge Discovery 36, 2022 (shares above thresholds, runs).

    Examples
    --------
    >>> from sktsmae import CWTTransformer
    >>> from sktsmae.datasets import load_sparwatch
    >>> X = load_sparwatch().data[:10]
    >>> X.shape
    (10, 6, 200)
    >>> CWTTransformer(cwt_scales=16).fit_transform(X).shape
    (10, 18, 16, 200)
    >>> CWTTransformer(output="statistics").fit_transform(X).shape
    (10, 36456)
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's name and form
        "cwt_scales": [StrOptions({"auto"}), *SCALES],
        "diff_orders": ["array-like"],
        "standardize": ["boolean", StrOptions({"per_scale"})],
        "boundary": [StrOptions(set(BOUNDARIES))],
        "output": [StrOptions({"image", "flat", "statistics"})],
        "sampling_rate": SAMPLING_RATE,
        "batch_size": [POSITIVE_INT],
        "device": DEVICE,
    }

    def __init__(
        self,
        *,
        cwt_scales: int | Sequence[float] | str = "auto",
        diff_orders: Sequence[int] = (0, 1, 2),
        standardize: bool | str = True,
        boundary: str = "zeros",
        output: str = "image",
        sampling_rate: float | None = None,
        batch_size: int = 256,
        device: str | torch.device = "auto",
    ) -> None:
        self.cwt_scales = cwt_scales
        self.diff_orders = diff_orders
        self.standardize = standardize
        self.boundary = boundary
        self.output = output
        self.sampling_rate = sampling_rate
        self.batch_size = batch_size
        self.device = device

    def fit(self, X: Any, y: Any = None) -> CWTTransformer:
        """Remember the signals' size and work out the scales.

        Parameters
        ----------
        X : array-like of shape (n, T) or (n, M, T), or list of arrays of shape (T_i,) or (M, T_i)
            Signals. NaN within one is interpolated; NaN at its ends, or a shorter one of a list, is padding that
            nothing sees: for images such a signal is stretched to T, and its scales are those of the stretched one.
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
        with rollback_on_error(self):
            self._validate_params()
            resolve_device(self.device)
            X = check_signals(self, X, reset=True)
            if X.ndim == 4:
                raise ValueError(f"X has shape {X.shape}, a spectrogram already; CWTTransformer takes signals.")
            self.n_channels_ = 1 if X.ndim == 2 else X.shape[1]
            self.n_timepoints_ = X.shape[-1]
            self.__dict__.pop("thresholds_", None)  # of an earlier fit
            self._features: Scalogram | WaveletStatistics
            if self.output == "statistics":
                self._features = self._learn_statistics(X)
            else:
                scales = resolve_scales(self.cwt_scales, self.n_timepoints_)
                self._features = Scalogram(scales, self.diff_orders, self.standardize, self.boundary)
            self.scales_ = self._features.scales.numpy().copy()
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Transform signals.

        Parameters
        ----------
        X : array-like of shape (n, T) or (n, M, T)
            Signals of the size seen in `fit`.

        Returns
        -------
        ndarray of shape (n, M * V, S, T), (n, M * V * S * T) or (n, M * (1 + V * S + K) * 28), float32
            By `output`: images, images as rows, or statistics.
        """
        check_is_fitted(self)
        self._validate_params()
        X, device = self._ready(X)
        features = self._features
        if isinstance(features, WaveletStatistics):
            return apply_statistics(features, X, device)
        first = -3 if self.output == "image" else -1
        return map_batches(lambda batch: features(batch).flatten(1, first), X, self.batch_size, device)

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
            Such as ``ch0_d1_s4.1_share_above_q18_part2``: channel 0, first difference, scale 4.1 samples, share of the
            second quarter in which it is above the threshold that is the 18 % quantile in `fit`;
            ``ch0_d0_s1.1-d2_s7.1+d1_s3.1_...``: the same of a sum; or ``ch0_d1_s4.1_t12``: sample 12. With a
            `sampling_rate`, ``2.7Hz`` in place of ``s4.1``.
        """
        check_is_fitted(self)
        features = self._features
        if isinstance(features, WaveletStatistics):
            names = features.names(self._scale_names())
        else:
            rows = [f"d{order}_{scale}" for order in features.diff_orders for scale in self._scale_names()]
            names = [f"{row}_t{time}" for row in rows for time in range(self.n_timepoints_)]
        return np.array([f"ch{channel}_{name}" for channel in range(self.n_channels_) for name in names], dtype=object)

    @property
    def frequencies_(self) -> np.ndarray:
        """The frequencies that the scales answer to most.

        Returns
        -------
        ndarray of shape (S,)
            In Hz; without a `sampling_rate` in cycles a sample.
        """
        check_is_fitted(self)
        return peak_frequency(self._features.scales, self.sampling_rate or 1.0).numpy()

    def _scale_names(self) -> list[str]:
        names = [f"s{scale:g}" for scale in self.scales_]
        if self.sampling_rate is None:
            return names
        # So narrow a wavelet that it is one sample answers to all frequencies alike.
        each = zip(names, self.frequencies_, strict=True)
        in_hz = [name if frequency > self.sampling_rate / 2 else f"{frequency:.4g}Hz" for name, frequency in each]
        return in_hz if len(set(in_hz)) == len(in_hz) else names  # scales so close that they share four digits

    @property
    def _forgets_level(self) -> bool:
        return self.boundary == "reflect" and self.output != "statistics"

    def _networks(self) -> list[nn.Module]:
        return [self._features] if hasattr(self, "_features") else []

    def _learn_statistics(self, X: np.ndarray) -> WaveletStatistics:
        """Return the statistics with the thresholds of some signals of X."""
        scales = None if isinstance(self.cwt_scales, str) else self.cwt_scales
        statistics = WaveletStatistics(self.n_channels_, self.n_timepoints_, scales, self.diff_orders)
        learn_thresholds(statistics, X, resolve_device(self.device))
        thresholds = statistics.thresholds.cpu().numpy()
        self.thresholds_ = thresholds.reshape(self.n_channels_, -1, thresholds.shape[-1])
        return statistics

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
