"""The waveform, a module that takes the place of the scalogram and does not transform signals."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from .scalogram import Scalogram

SIGNALS_ONLY = (
    "X is a spectrogram, but representation='waveform' needs signals; give signals, or choose representation='image'."
)


class Waveform(Scalogram):
    """Standardised signals as images of one view and one row, so that a patch is an interval of the signal.

    Resampling, gaps and padding are treated as in `Scalogram`. The row does not have a scale.

    Parameters
    ----------
    resample_to : int or None, default=None
        Number of samples to which every signal is resampled. None does not resample.

    References
    ----------
    Z. Li et al., "Ti-MAE: self-supervised masked time series autoencoders", arXiv:2301.08871.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import Waveform
    >>> Waveform()(torch.randn(4, 6, 100)).shape
    torch.Size([4, 6, 1, 1, 100])
    """

    def __init__(self, resample_to: int | None = None) -> None:
        super().__init__(cwt_scales=1, diff_orders=(0,), resample_to=resample_to)

    def forward(self, x: Tensor) -> Tensor:
        """Standardise signals.

        Parameters
        ----------
        x : Tensor of shape (B, T) or (B, M, T)
            Signals of one channel or of M channels.

        Returns
        -------
        Tensor of shape (B, 1, 1, T) or (B, M, 1, 1, T), float32
            The standardised signals. The axis M is absent only if `x` has the shape (B, T).

        Raises
        ------
        ValueError
            If `x` is a spectrogram.
        """
        if x.ndim == 4:
            raise ValueError(SIGNALS_ONLY)
        return super().forward(x)

    def _cwt(self, x: Tensor, finish: Callable[[Tensor], Tensor] | None) -> Tensor:
        image = x[..., None, None, :]  # (..., 1, 1, T)
        return image if finish is None else finish(image)
