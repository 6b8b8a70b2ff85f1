"""Freezing of the first blocks of an encoder before fine-tuning."""

from __future__ import annotations

from ..models.signal_encoder import SignalEncoder


def freeze_below(signal_encoder: SignalEncoder, count: int) -> None:
    """Freeze an encoder except for its last blocks and its final layer norm.

    Parameters
    ----------
    signal_encoder : SignalEncoder
        The encoder, changed in place.
    count : int
        Number of blocks, the last ones, that stay trainable.
    """
    encoder = signal_encoder.encoder
    encoder.requires_grad_(False)
    for part in (*encoder.blocks[len(encoder.blocks) - count :], encoder.norm):
        part.requires_grad_(True)
