"""The classifier of the published model CWT-MAE-RoPE, built from a checkpoint file of a masked autoencoder."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

from torch import Tensor

from .checkpoints import is_safetensors, read_safetensors
from .heads import build_head
from .reference import read_reference
from .restore import plan
from .settings import EncoderSettings, MAESettings
from .signal_classifier import SignalClassifier
from .signal_encoder import SignalEncoder
from .to_jsonable import to_jsonable


class TF_MAE_Classifier(SignalClassifier):  # noqa: N801 - the name in the reference implementation
    """Classifier with a pre-trained encoder, as in CWT-MAE-RoPE.

    Parameters
    ----------
    pretrained_path : str, path-like or None
        A file that `save_mae` or `MAEPretrainer.save` wrote, or a ``.pth`` file of the reference implementation. None
        uses random weights.
    num_classes : int
        Number of classes C.
    use_cot : bool, default=True
        Whether the head is a `LatentReasoningHead` ("chain of thought") rather than a `ResidualMLPHead`.
    num_reasoning_tokens : int, default=8
        Number of reasoning tokens of a `LatentReasoningHead`, which are learned queries that attend to the patch
        tokens.
    num_res_blocks, hidden_dim : int, default=2 and 512
        Number and hidden size of the residual blocks of a `ResidualMLPHead`.
    dropout : float, default=0.1
        Dropout probability of the head.
    **settings
        Fields of `MAESettings`. Settings that are not given are taken from the file, or from the defaults if the file
        contains no settings. If `signal_len` differs from that in the file, the position embedding is resampled.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file cannot be read or does not fit the settings. The message states the difference.
    TypeError
        If a setting does not exist.

    References
    ----------
    CWT-MAE-RoPE: github.com/Dryilv/Wearable-Foundation-Model.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import TF_MAE_Classifier
    >>> classifier = TF_MAE_Classifier(None, num_classes=10, signal_len=200, embed_dim=48, depth=2, num_heads=4)
    >>> classifier(torch.randn(16, 200)).shape
    torch.Size([16, 10])
    """

    def __init__(
        self,
        pretrained_path: str | os.PathLike[str] | None,
        num_classes: int,
        use_cot: bool = True,
        num_reasoning_tokens: int = 8,
        num_res_blocks: int = 2,
        hidden_dim: int = 512,
        dropout: float = 0.1,
        **settings: Any,
    ) -> None:
        MAESettings(**settings)  # raises an error for unknown names and invalid values
        state: dict[str, Tensor] = {}
        if pretrained_path is not None:
            state, settings = _read_encoder(pretrained_path, settings)
        signal_encoder = SignalEncoder.from_settings(**EncoderSettings.among(settings).to_dict())
        if pretrained_path is not None:
            signal_encoder.load_encoder(state, pretrained_path)
        encoder = signal_encoder.encoder
        head_settings = {
            "num_reasoning_tokens": num_reasoning_tokens,
            "num_res_blocks": num_res_blocks,
            "hidden_dim": hidden_dim,
            "dropout": dropout,
        }
        name = "reasoning" if use_cot else "mlp"
        head = build_head(name, encoder.embed_dim, num_classes, encoder.num_heads, 1, head_settings)
        super().__init__(signal_encoder, head)


def _read_encoder(path: str | os.PathLike[str], settings: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the weights in a checkpoint of an autoencoder, and the settings of its encoder.

    The given settings have precedence. Settings of the decoder in the file are not used.
    """
    if not is_safetensors(path):
        state, implied_settings = read_reference(path)
        return state, {**settings, **implied_settings}
    state, metadata = read_safetensors(path, kind="mae")
    stored = metadata["settings"]
    defaults = EncoderSettings().to_dict()  # files do not contain settings that were added after them
    encoder_names = defaults.keys() - {"signal_len"}
    differing = [
        f"{name}={value!r} (in the file {stored.get(name, defaults[name])!r})"
        for name, value in settings.items()
        if name in encoder_names and to_jsonable(value) != stored.get(name, defaults[name])
    ]
    if differing:
        raise ValueError(
            f"{path}: the file has an encoder of another architecture. These settings differ: {', '.join(differing)}; "
            "omit them, or give another file."
        )
    all_settings = {**stored, **settings}
    encoder_settings = {name: all_settings[name] for name in {*encoder_names, "signal_len"} if name in all_settings}
    without_memory = plan(partial(SignalEncoder.from_settings, **encoder_settings), encoder_settings, state, path)
    # The encoder may have more weights than the file, because the position embedding is resampled to `signal_len`. An
    # encoder of over 100 times as many weights is refused, so that a damaged file cannot exhaust the memory.
    num_needed = sum(weights.numel() for weights in without_memory.parameters())
    num_stored = sum(tensor.numel() for tensor in state.values())
    if num_needed > 100 * num_stored:
        raise ValueError(
            f"{path}: the file contains {num_stored} weights, but its settings describe an encoder of {num_needed} "
            "weights; the file is damaged, or signal_len is too large."
        )
    return state, encoder_settings
