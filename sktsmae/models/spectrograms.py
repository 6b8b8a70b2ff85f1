"""Validation of spectrograms that are given in place of signals."""

from __future__ import annotations

from .signal_encoder import SignalEncoder
from .waveform import SIGNALS_ONLY, Waveform


def check_spectrogram(signal_encoder: SignalEncoder, shape: tuple[int, ...]) -> None:
    """Check that spectrograms have the number of scales and of views that a signal encoder needs.

    Parameters
    ----------
    signal_encoder : SignalEncoder
        The signal encoder.
    shape : tuple of int
        Shape of the spectrograms, (n, M * V, S, T).

    Raises
    ------
    ValueError
        If the number of channels is not a multiple of V, if the number of scales differs, or if the signal encoder
        encodes waveforms or resamples signals, because spectrograms cannot be resampled.
    """
    if isinstance(signal_encoder.scalogram, Waveform):
        raise ValueError(SIGNALS_ONLY)
    require_views(shape, signal_encoder.scalogram.num_views)
    _, num_scales, _ = signal_encoder.encoder.image_size
    any_length = signal_encoder.scalogram.resample_to is not None
    if shape[2] != num_scales or any_length:
        raise ValueError(
            f"X is a spectrogram of {shape[2]} scales, but pretrainer was fitted on "
            f"{'signals of any length' if any_length else f'{num_scales} scales'}; give the kind of samples that it "
            "was fitted on."
        )


def require_views(shape: tuple[int, ...], num_views: int) -> None:
    """Check that the channels of spectrograms are complete sets of views.

    Parameters
    ----------
    shape : tuple of int
        Shape of the spectrograms, (n, M * V, S, T).
    num_views : int
        Number of views V.

    Raises
    ------
    ValueError
        If the number of channels is not a multiple of V.
    """
    if shape[1] % num_views:
        raise ValueError(
            f"X is a spectrogram with {shape[1]} channels, which is not a multiple of the {num_views} views of "
            "diff_orders; use the diff_orders with which the spectrogram was computed."
        )
