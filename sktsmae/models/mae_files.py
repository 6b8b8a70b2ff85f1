"""Files of masked autoencoders: saving and loading of weights and settings."""

from __future__ import annotations

import os

from .checkpoints import read_safetensors, write_safetensors
from .mae import CWT_MAE_RoPE
from .restore import restore


def save_mae(model: CWT_MAE_RoPE, path: str | os.PathLike[str]) -> None:
    """Write the weights and settings of a masked autoencoder to one safetensors file.

    Parameters
    ----------
    model : CWT_MAE_RoPE
        The model.
    path : str or path-like
        The file. An existing file is replaced.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sktsmae.models import CWT_MAE_RoPE, save_mae
    >>> model = CWT_MAE_RoPE(signal_len=100, embed_dim=32, depth=1, num_heads=4,
    ...                      decoder_embed_dim=16, decoder_depth=1, decoder_num_heads=2)
    >>> save_mae(model, pathlib.Path(tempfile.mkdtemp()) / "mae.safetensors")
    """
    write_safetensors(path, model.state_dict(), {"kind": "mae", "settings": model.settings})


def load_mae(path: str | os.PathLike[str]) -> CWT_MAE_RoPE:
    """Load a masked autoencoder that `save_mae` or `MAEPretrainer.save` wrote.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    CWT_MAE_RoPE
        The model, in evaluation mode, on the CPU.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file is truncated or damaged, or does not contain a masked autoencoder.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sktsmae.models import CWT_MAE_RoPE, load_mae, save_mae
    >>> model = CWT_MAE_RoPE(signal_len=100, embed_dim=32, depth=1, num_heads=4,
    ...                      decoder_embed_dim=32, decoder_depth=1, decoder_num_heads=4)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "mae.safetensors"
    >>> save_mae(model, path)
    >>> load_mae(path).settings == model.settings
    True
    """
    state, metadata = read_safetensors(path, kind="mae")
    state.pop("thresholds", None)  # `MAEPretrainer.save` adds them; the network does not use them
    settings = metadata["settings"]
    return restore(lambda: CWT_MAE_RoPE(**settings), settings, state, path)
