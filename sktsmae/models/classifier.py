"""Scalogram, encoder and head: the network that is fine-tuned."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn

from .checkpoints import is_safetensors, load_matching, plan, read_reference, read_safetensors, to_jsonable
from .encoder import Encoder, build_encoder, resample_pos_embed
from .heads import LatentReasoningHead, ResidualMLPHead
from .scalogram import Scalogram

# Settings of the autoencoder that its encoder does not share: a classifier may differ in them from its checkpoint.
_DECODER_ONLY = {
    "decoder_embed_dim",
    "decoder_depth",
    "decoder_num_heads",
    "mask_ratio",
    "time_loss_weight",
    "decode_ratio",
    "masking",
    "instance_loss_weight",
}


class SignalClassifier(nn.Module):
    """A head on the patch tokens of all channels; there is no decoder and no masking.

    Parameters
    ----------
    scalogram : Scalogram
        Makes the images.
    encoder : Encoder
        Makes the tokens.
    head : nn.Module
        Maps tokens (B, N, D) to logits (B, C).

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import Encoder, ResidualMLPHead, Scalogram, SignalClassifier
    >>> encoder = Encoder((3, 16, 100), (4, 10), embed_dim=32, depth=1, num_heads=2)
    >>> model = SignalClassifier(Scalogram(16), encoder, ResidualMLPHead(32, num_classes=5))
    >>> model(torch.randn(4, 100)).shape
    torch.Size([4, 5])
    """

    def __init__(self, scalogram: Scalogram, encoder: Encoder, head: nn.Module) -> None:
        super().__init__()
        self.scalogram = scalogram
        self.encoder = encoder
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        """Score the classes of signals.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals of one channel or of M, or spectrograms.

        Returns
        -------
        Tensor of shape (B, C)
            Logits.
        """
        logits: Tensor = self.head(self.tokens(x))
        return logits

    def tokens(self, x: Tensor) -> Tensor:
        """Encode signals for the head.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals of one channel or of M, or spectrograms.

        Returns
        -------
        Tensor of shape (B, M * N, D)
            The patch tokens of all channels, channel after channel.
        """
        return encode_patches(self.scalogram, self.encoder, x)[:, :, 1:].flatten(1, 2)


class TF_MAE_Classifier(SignalClassifier):  # noqa: N801 - the name of the published design
    """Classifier on a pre-trained encoder.

    Parameters
    ----------
    pretrained_path : str, path-like or None
        A file by `save_mae`, or a ``.pth`` file of the reference implementation; None starts from random weights.
    num_classes : int
        Classes C.
    use_cot : bool, default=True
        Whether the head is a `LatentReasoningHead` rather than a `ResidualMLPHead`.
    num_reasoning_tokens : int, default=8
        Tokens of the reasoning head.
    num_res_blocks, hidden_dim : int, default=2 and 512
        Size of the MLP head.
    dropout : float, default=0.1
        Dropout of the head.
    **settings
        Arguments of `CWT_MAE_RoPE`. What is left out comes from the file, or else is the default there. A
        `signal_len` other than the file's resamples the position embedding.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file cannot be read, or does not fit the settings; the message says in what.

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
        state: dict[str, Tensor] = {}
        if pretrained_path is not None:
            state, settings = _read_encoder(pretrained_path, settings)
        scalogram, encoder = build_encoder(**encoder_settings(settings))
        if pretrained_path is not None:
            load_encoder(encoder, state, pretrained_path)
        embed_dim, num_heads = encoder.embed_dim, encoder.num_heads
        head: nn.Module
        if use_cot:
            head = LatentReasoningHead(embed_dim, num_classes, num_heads, num_reasoning_tokens, dropout)
        else:
            head = ResidualMLPHead(embed_dim, num_classes, num_res_blocks, hidden_dim, dropout)
        super().__init__(scalogram, encoder, head)


def encoder_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Drop the settings of an autoencoder that belong to its decoder and its training.

    Parameters
    ----------
    settings : mapping
        Arguments of `CWT_MAE_RoPE`.

    Returns
    -------
    dict
        Those of `build_encoder`.
    """
    return {name: value for name, value in settings.items() if name not in _DECODER_ONLY}


def encode_patches(scalogram: Scalogram, encoder: Encoder, x: Tensor) -> Tensor:
    """Encode all patches of every channel.

    Parameters
    ----------
    scalogram : Scalogram
        Makes the images.
    encoder : Encoder
        Makes the tokens.
    x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
        Signals of one channel or of M, or spectrograms.

    Returns
    -------
    Tensor of shape (B, M, 1 + N, D)
        The class token and the patch tokens of each channel.
    """
    image = scalogram(x)  # (B, V, S, T) or (B, M, V, S, T)
    tokens: Tensor = encoder(encoder.patchify(image))  # (B * M, 1 + N, D)
    tokens = tokens.unflatten(0, (x.shape[0], -1))  # (B, M, 1 + N, D); len(x) would fix the size in a graph
    return tokens


def load_encoder(encoder: Encoder, state: dict[str, Tensor], source: object) -> None:
    """Load an encoder's weights, its position embedding resampled where the signal's length differs.

    Parameters
    ----------
    encoder : Encoder
        Where to.
    state : dict of str to Tensor
        A state dict with names ``encoder.*``; others are passed over.
    source : object
        What an error calls it.

    Raises
    ------
    ValueError
        If a tensor does not fit; it is named.
    """
    own = {name.removeprefix("encoder."): tensor for name, tensor in state.items() if name.startswith("encoder.")}
    rows = encoder.grid_size[0]
    reducer = state.get("decoder.time_reducer.0.weight")  # (D, D, rows, 1), in a file with a decoder
    old_rows = rows if reducer is None else reducer.shape[2]
    weight = own.get("patch_embed.proj.weight")
    if old_rows != rows and weight is not None and weight.shape == encoder.patch_embed.proj.weight.shape:
        raise ValueError(
            f"{source}: its images have {old_rows} rows of patches and these settings {rows}; give cwt_scales and "
            "patch_size_freq as they were in pre-training."
        )
    if "pos_embed" in own and (own["pos_embed"].shape[1] - 1) % old_rows == 0:
        old_grid = (old_rows, (own["pos_embed"].shape[1] - 1) // old_rows)
        new_grid = (old_rows, encoder.grid_size[1])
        own["pos_embed"] = resample_pos_embed(own["pos_embed"], old_grid, new_grid)
    load_matching(encoder, own, source)


def load_reference_classifier(path: str | os.PathLike[str], **settings: Any) -> TF_MAE_Classifier:
    """Build the classifier of a ``.pth`` file of the reference implementation, head included.

    Parameters
    ----------
    path : str or path-like
        The file: a bare state dict, or one under ``"model"``.
    **settings
        Arguments of `TF_MAE_Classifier`; the file holds none. The raster rotary embedding is set for the reference
        implementation's files.

    Returns
    -------
    TF_MAE_Classifier
        The model, in evaluation mode, on the CPU.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file cannot be read without running code, or a tensor does not fit the settings; it is named.

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
    state, from_reference = read_reference(path)
    if from_reference:
        settings["rope"] = "raster"
    model = TF_MAE_Classifier(None, **settings)
    load_matching(model, state, path)
    return model.eval()


def _read_encoder(path: str | os.PathLike[str], settings: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint of an autoencoder, and complete the settings by those of the file."""
    if is_safetensors(path):
        state, metadata = read_safetensors(path, kind="mae")
        stored = metadata["settings"]
        if unknown := set(settings) - set(stored):
            raise TypeError(f"TF_MAE_Classifier() got an unexpected keyword argument {min(unknown)!r}")
        differing = [
            f"{name}={value!r} (in the file {stored.get(name)!r})"
            for name, value in encoder_settings(settings).items()
            if name != "signal_len" and to_jsonable(value) != stored.get(name)
        ]
        if differing:
            raise ValueError(
                f"{path}: a checkpoint of another architecture; these settings differ: {', '.join(differing)}."
            )
        settings = {**stored, **settings}
        wanted = encoder_settings(settings)
        _, planned = plan(partial(build_encoder, **wanted), wanted, state, path)
        # Position embeddings may be resampled to another length; all else has the size that it has in the file.
        sizes = [sum(weights.numel() for weights in part) for part in (planned.parameters(), state.values())]
        if sizes[0] > 100 * sizes[1]:
            raise ValueError(f"{path}: {sizes[1]} weights, where the settings ask for {sizes[0]}.")
        return state, settings
    state, from_reference = read_reference(path)
    return state, {**settings, "rope": "raster"} if from_reference else settings
