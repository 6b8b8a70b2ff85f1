"""Loading of models from ``.pth`` files of the reference implementation of CWT-MAE-RoPE."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from .mae import CWT_MAE_RoPE
from .reference import read_reference
from .restore import Model, load_matching
from .tf_mae_classifier import TF_MAE_Classifier


def load_reference_mae(path: str | os.PathLike[str], **settings: Any) -> CWT_MAE_RoPE:
    """Load a masked autoencoder from a ``.pth`` file of the reference implementation.

    Parameters
    ----------
    path : str or path-like
        A file that contains a state dict, either directly or under the key ``"model"``.
    **settings
        Fields of `MAESettings`, which the file does not contain. For files of the reference implementation, ``rope`` is
        set to "raster".

    Returns
    -------
    CWT_MAE_RoPE
        The model, in evaluation mode, on the CPU.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file cannot be read without executing code, or if a tensor does not fit the settings. The message
        names the tensor.

    Examples
    --------
    >>> import tempfile, pathlib, torch
    >>> from sktsmae.models import CWT_MAE_RoPE, load_reference_mae
    >>> settings = {"signal_len": 100, "embed_dim": 32, "depth": 1, "num_heads": 4, "decoder_embed_dim": 16,
    ...             "decoder_depth": 1, "decoder_num_heads": 2}
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "mae.pth"
    >>> torch.save({"model": CWT_MAE_RoPE(**settings).state_dict()}, path)
    >>> load_reference_mae(path, **settings).encoder.embed_dim
    32
    """
    return _load(CWT_MAE_RoPE, path, settings)


def load_reference_classifier(path: str | os.PathLike[str], **settings: Any) -> TF_MAE_Classifier:
    """Load a classifier with its head from a ``.pth`` file of the reference implementation.

    Parameters
    ----------
    path : str or path-like
        A file that contains a state dict, either directly or under the key ``"model"``.
    **settings
        Arguments of `TF_MAE_Classifier`, which the file does not contain. For files of the reference implementation,
        ``rope`` is set to "raster".

    Returns
    -------
    TF_MAE_Classifier
        The model, in evaluation mode, on the CPU.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file cannot be read without executing code, or if a tensor does not fit the settings. The message
        names the tensor.

    Examples
    --------
    >>> import tempfile, pathlib, torch
    >>> from sktsmae.models import TF_MAE_Classifier, load_reference_classifier
    >>> settings = {"num_classes": 3, "signal_len": 100, "embed_dim": 32, "depth": 1, "num_heads": 4}
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "classifier.pth"
    >>> torch.save(TF_MAE_Classifier(None, **settings).state_dict(), path)
    >>> load_reference_classifier(path, **settings)(torch.randn(5, 100)).shape
    torch.Size([5, 3])
    """
    return _load(partial(TF_MAE_Classifier, None), path, settings)


def _load(build: Callable[..., Model], path: str | os.PathLike[str], settings: dict[str, Any]) -> Model:
    """Build a model from settings and those that the file implies, and load its weights."""
    state, implied_settings = read_reference(path)
    model = build(**{**settings, **implied_settings})
    load_matching(model, state, path)
    return model.eval()
