"""The transformer of signals to wavelet images or to features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted
from torch import nn

from ..functional.scales import peak_frequency
from ..functional.wavelets import BOUNDARIES
from ..models import FEATURES, FeatureContext, Features, Scalogram, WaveletStatistics
from ..models.auto import auto_scales
from ..models.scalogram import WAVELETS
from ..signals.device import resolve_device
from ..signals.map_batches import map_batches
from ..signals.validation import check_signals
from ..training.constraints import DEVICE, MORLET_W0, POSITIVE_INT, SAMPLING_RATE, SCALES
from ..training.features import fit_thresholds
from ._base import SignalEstimatorMixin
from ._blockwise import blockwise
from ._rollback import rollback_on_error
from ._unused import warn_unused


def _has_columns(estimator: CWTTransformer) -> bool:
    if estimator.output == "image":
        raise AttributeError(
            "output='image' gives images, which are no table; choose output='flat' or 'statistics' for columns."
        )
    return True


@dataclass(kw_only=True, eq=False, repr=False)
class CWTTransformer(SignalEstimatorMixin, BaseEstimator):  # numpydoc ignore=PR02
    """Transform signals to time-frequency images, or to columns of features.

    Each signal and its first and second difference are transformed by the continuous wavelet transform.

    Parameters
    ----------
    cwt_scales : "auto", int or array-like of float, default="auto"
        Scales of the wavelets in samples. For images, "auto" uses 32 logarithmically spaced scales from 0.7 to a fifth
        of the signal length T. For statistics, "auto" uses 0.1, 1.1, ..., 15.1 and eight logarithmically spaced scales
        up to T / 10; if T < 256, it uses the scales for 256 samples, multiplied by T / 256. An int n uses the grid
        of CWT-MAE-RoPE [1]_: 0.1, 1.1, ..., n - 0.9. An array contains the scales in increasing order. A wavelet of
        scale s has its peak response at a period of about 4 * s samples.
    diff_orders : tuple of {0, 1, 2}, default=(0, 1, 2)
        The views of a signal: the signal itself (0), its first (1) and its second (2) difference.
    standardize : bool or "per_scale", default=True
        Whether to standardise each view of an image over scales and time, as in [1]_. "per_scale" standardises each
        scale over time. Statistics use images that are not standardised, so that they depend on the amplitude.
    boundary : {"zeros", "reflect"}, default="zeros"
        Extension of a signal beyond its boundaries, for images: zero padding as in [1]_, or reflection. Statistics
        always use reflection.
    wavelet : {"ricker", "morlet"}, default="ricker"
        The wavelet for images; statistics always use "ricker". "morlet" uses the magnitude of the transform with the
        complex Morlet wavelet, which separates close frequencies better but is less precise in time. Its peak frequency
        at each scale is that of the Ricker wavelet.
    w0 : float, default=6
        Number of radians of the Morlet wavelet within one standard deviation of its envelope, 1 to 1000. The relative
        width of its frequency band is 1 / `w0`.
    output : str, default="image"
        "image" returns images (n, M * V, S, T), and "flat" returns flattened images of M * V * S * T columns. The other
        values are kinds of features in `models.FEATURES`, for tabular models. "statistics" computes 12 numbers for each
        channel, for its wavelet coefficients at each scale of each view, and for K <= 2 * V * S random sums of three
        coefficients: the fraction of time above each of four thresholds, and the longest run above and below each
        threshold. The thresholds are quantiles of the signals in `fit`. "positions" computes the mean position in time
        of the values above each threshold (4 numbers), and "quarters" the fractions of time in each quarter of the
        signal (16 numbers). "competition" computes how often random convolution kernels have the
        largest or smallest response (`models.CompetingKernels`). "shapelets" computes the distance from random windows
        of the signals in `fit` (`models.Shapelets`). "spectrum" computes logarithmic power spectra and the
        autocorrelation, and with a `sampling_rate` the power of the bands delta to gamma (`models.Spectrum`). "summary"
        computes the mean, mean absolute deviation, minimum and maximum of each channel and the mean of each quarter.
    sampling_rate : float or None, default=None
        Sampling rate in Hz; columns are then named by frequencies in Hz, and figures show Hz and seconds.
    batch_size : int, default=256
        Maximum number of signals per batch.
    device : str or torch.device, default="auto"
        Device to compute on; "auto" selects a CUDA GPU if there is one.

    Attributes
    ----------
    thresholds_ : ndarray of shape (M, 1 + V * S + K, 4), float32
        Thresholds of each channel (after `offset_` is subtracted), of its wavelet coefficients at each scale of each
        view, and of the random sums. The attribute exists only with ``output="statistics"``.
    scales_ : ndarray of shape (S,), float64
        Scales in samples. The attribute does not exist for features without scales.
    n_channels_ : int
        Number of channels M of a signal.
    n_timepoints_ : int
        Length T of a signal.
    n_features_in_ : int
        Length of the second axis of X in `fit`.
    input_shape_ : tuple of int
        Shape of one signal in `fit`.
    offset_ : ndarray of shape () or (M,), float64
        Offset that is subtracted from each channel before the conversion to float32: the channel's mean in `fit`, if it
        exceeds 1,000 times the typical standard deviation of a signal; otherwise 0. For images with
        ``boundary="reflect"``, the mean of each signal is subtracted instead, and `offset_` is 0.

    See Also
    --------
    MAEPretrainer : Learns features from these images.

    References
    ----------
    .. [1] CWT-MAE-RoPE: github.com/Dryilv/Wearable-Foundation-Model.

    N. Ricker, "The form and laws of propagation of seismic wavelets", Geophysics 18, 1953.

    C. W. Tan et al., "MultiRocket", Data Mining and Knowledge Discovery 36, 2022 (fractions above thresholds, longest
    runs).

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
    (10, 15624)
    """

    cwt_scales: int | Sequence[float] | str = "auto"
    diff_orders: Sequence[int] = (0, 1, 2)
    standardize: bool | str = True
    boundary: str = "zeros"
    wavelet: str = "ricker"
    w0: float = 6.0
    output: str = "image"
    sampling_rate: float | None = None
    batch_size: int = 256
    device: str | torch.device = "auto"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "cwt_scales": [StrOptions({"auto"}), *SCALES],
        "diff_orders": ["array-like"],
        "standardize": ["boolean", StrOptions({"per_scale"})],
        "boundary": [StrOptions(set(BOUNDARIES))],
        "wavelet": [StrOptions(set(WAVELETS))],
        "w0": MORLET_W0,
        "output": [str],
        "sampling_rate": SAMPLING_RATE,
        "batch_size": [POSITIVE_INT],
        "device": DEVICE,
    }

    def fit(self, X: Any, y: Any = None) -> CWTTransformer:
        """Determine the scales, and learn the thresholds of statistics.

        Parameters
        ----------
        X : array-like of shape (n, T) or (n, M, T), or list of arrays of shape (T_i,) or (M, T_i)
            Signals. NaN inside a signal is interpolated; leading and trailing NaN is padding and is ignored. X may also
            be a list of signals of different lengths: shorter ones are padded to the longest, which sets the scales.
            After `fit`, longer signals in a list are resampled to that length, with a warning. For images, the padding
            is removed and the rest is stretched to T samples; the scales refer to the stretched signal.
            `ColumnTransformer` may select X from a table with one signal per cell.
        y : None
            Ignored.

        Returns
        -------
        CWTTransformer
            The estimator itself.

        Raises
        ------
        ValueError
            If a parameter or X is invalid. The message names it.
        """
        self._validate_params()
        self._require_output()
        if self.output in FEATURES:
            reason = f"output={self.output!r}: choose output='image' or 'flat'"
            unused = {reason: ["standardize", "boundary", "wavelet", "w0"]}
            if not FEATURES[self.output].needs_wavelets:
                unused[f"{reason} or 'statistics'"] = ["cwt_scales", "diff_orders"]
            warn_unused(self, unused)
        elif self.wavelet == "ricker":
            warn_unused(self, {"wavelet='ricker': choose wavelet='morlet'": ["w0"]})
        with rollback_on_error(self):
            device = resolve_device(self.device)
            X = check_signals(self, X, reset=True)
            if X.ndim == 4:
                raise ValueError(f"X has shape {X.shape}, which is a spectrogram; give signals.")
            self.n_channels_ = 1 if X.ndim == 2 else X.shape[1]
            self.n_timepoints_ = X.shape[-1]
            for name in ("thresholds_", "scales_"):  # from an earlier fit
                self.__dict__.pop(name, None)
            self._transform = self._fit_features(X, device) if self.output in FEATURES else self._scalogram()
            if (scales := getattr(self._transform, "scales", None)) is not None:
                self.scales_ = scales.numpy().copy()
            if isinstance(self._transform, WaveletStatistics):
                thresholds = self._transform.thresholds.cpu().numpy()
                self.thresholds_ = thresholds.reshape(self.n_channels_, -1, thresholds.shape[-1])
        return self

    @blockwise
    def transform(self, X: Any) -> np.ndarray:
        """Transform signals.

        Parameters
        ----------
        X : array-like of shape (n, T) or (n, M, T)
            Signals of the same shape as in `fit`.

        Returns
        -------
        ndarray of shape (n, M * V, S, T), (n, M * V * S * T) or (n, F), float32
            Images, flattened images, or features, depending on `output`; F = M * (1 + V * S + K) * 12 for statistics.
            The result is a lazy Dask array if X is a Dask array.
        """
        check_is_fitted(self)
        self._validate_params()
        X, device = self._ready(X)
        transform = self._transform
        if isinstance(transform, Features):
            return map_batches(transform, X, transform.batch_size(self.batch_size, X.shape[-1]), device)
        end = -3 if self.output == "image" else -1
        return map_batches(lambda batch: transform(batch).flatten(1, end), X, self.batch_size, device)

    @property
    def set_output(self) -> Callable[..., Self]:
        """Function that sets the container of the results of `transform`, as in scikit-learn.

        Returns
        -------
        callable
            For example, ``set_output(transform="pandas")`` sets DataFrames.

        Raises
        ------
        AttributeError
            If ``output="image"``.
        """
        _has_columns(self)  # raises if there are none
        wrapped: Callable[..., Self] = super().set_output
        return wrapped

    @available_if(_has_columns)
    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns of `transform`; images (``output="image"``) have no columns.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        ndarray of str
            For example ``ch0_d1_s4.1_fraction_above_q18_quarter2``: channel 0, first difference, scale 4.1 samples, the
            fraction of the second quarter in which the coefficient is above its 18 % quantile in `fit`.
            ``ch0_d0_s1.1-d2_s7.1+d1_s3.1_...`` is a statistic of a random sum, and ``ch0_d1_s4.1_t12`` is the
            coefficient at sample 12. With a `sampling_rate`, ``2.7Hz`` replaces ``s4.1``.
        """
        check_is_fitted(self)
        transform = self._transform
        if isinstance(transform, Features):
            return np.array(transform.feature_names(self._scale_names()), dtype=object)
        rows = [f"d{order}_{scale}" for order in transform.diff_orders for scale in self._scale_names() or ()]
        names = [f"{row}_t{time}" for row in rows for time in range(self.n_timepoints_)]
        return np.array([f"ch{channel}_{name}" for channel in range(self.n_channels_) for name in names], dtype=object)

    @property
    def frequencies_(self) -> np.ndarray:
        """Peak frequency of the wavelet at each scale.

        Returns
        -------
        ndarray of shape (S,)
            Frequencies in Hz, or in cycles per sample if `sampling_rate` is None.
        """
        check_is_fitted(self)
        return peak_frequency(torch.from_numpy(self.scales_), self.sampling_rate or 1.0).numpy()

    def _require_output(self) -> None:
        columns = [name for name, kind in FEATURES.items() if not kind.needs_encoder]
        outputs = ["image", "flat", *columns]
        if self.output not in outputs:
            raise ValueError(f"output={self.output!r}: choose one of {', '.join(map(repr, outputs))}.")

    def _scalogram(self) -> Scalogram:
        scales = auto_scales(self.cwt_scales, self.n_timepoints_)
        return Scalogram(scales, self.diff_orders, self.standardize, self.boundary, wavelet=self.wavelet, w0=self.w0)

    def _fit_features(self, X: np.ndarray, device: torch.device) -> Features:
        """Return features that are fitted on an evenly spaced subset of the signals."""
        context = FeatureContext(
            n_channels=self.n_channels_,
            n_timepoints=self.n_timepoints_,
            cwt_scales=None if isinstance(self.cwt_scales, str) else self.cwt_scales,
            diff_orders=self.diff_orders,
            sampling_rate=self.sampling_rate,
        )
        features = FEATURES[self.output].from_context(context).to(device)
        fit_thresholds(features, X, features.batch_size(self.batch_size, self.n_timepoints_), device)
        return features

    def _scale_names(self) -> list[str] | None:
        """Return a name for each scale; None if the features have no scales."""
        if "scales_" not in vars(self):
            return None
        names = [f"s{scale:g}" for scale in self.scales_]
        if self.sampling_rate is None:
            return names
        # A wavelet with a peak above half the sampling rate is too narrow to be sampled, so it is named by its scale.
        each = zip(names, self.frequencies_, strict=True)
        in_hz = [name if frequency > self.sampling_rate / 2 else f"{frequency:.4g}Hz" for name, frequency in each]
        return in_hz if len(set(in_hz)) == len(in_hz) else names  # the rounded frequencies of close scales may be equal

    @property
    def _ignores_mean(self) -> bool:
        return self.boundary == "reflect" and self.output not in FEATURES

    def _networks(self) -> list[nn.Module]:
        return [self._transform] if "_transform" in vars(self) else []
