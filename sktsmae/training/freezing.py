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
    first = len(encoder.blocks) - count
    encoder.requires_grad_(False)
    mixing = [layer for number, layer in encoder.mixing.items() if int(number) >= first]
    for part in (*encoder.blocks[first:], *mixing, encoder.norm):
        part.requires_grad_(True)
