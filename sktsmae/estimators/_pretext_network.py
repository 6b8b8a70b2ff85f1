"""Construction of the network that a pretrainer trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from ..functional.scales import scale_grid
from ..functional.wavelets import view_orders
from ..models import PRETEXT_TASKS, EncoderEmbedding, PretextTask, SignalEncoder
from ..models.auto import auto_num_heads, auto_patch_size, auto_scales, auto_waveform_patch_size
from ..models.restore import keep_new_mixing
from ..models.settings import EncoderSettings
from ..models.spectrograms import require_views
from ..models.waveform import SIGNALS_ONLY

# Parameters that add layers to the encoder from which `init` continues, if that encoder has no such layers.
MIXING_PARAMETERS = ("channel_mixing", "channel_layout")


def pretext_task_class(name: str) -> type[PretextTask]:
    """Return the class of the network for a pretext task.

    Parameters
    ----------
    name : str
        A key of `models.PRETEXT_TASKS`.

    Returns
    -------
    type
        The class.

    Raises
    ------
    ValueError
        If there is no such task.
    """
    if name not in PRETEXT_TASKS:
        raise ValueError(f"pretext_task={name!r}: choose one of {', '.join(map(repr, PRETEXT_TASKS))}.")
    return PRETEXT_TASKS[name]


def build_network(params: Any, X: np.ndarray, source: Any) -> tuple[PretextTask, Sequence[int] | None]:
    """Build the network of a pretrainer, with the weights of another pretrainer or with random weights.

    Parameters
    ----------
    params : MAEPretrainer
        The pretrainer with the parameters of the network.
    X : ndarray of shape (n, T), (n, M, T) or (n, M * V, S, T)
        Signals or spectrograms, whose shape determines the size of the images.
    source : MAEPretrainer or None
        Fitted pretrainer that provides architecture and weights of the encoder; None for random weights.

    Returns
    -------
    network : PretextTask
        The network.
    readout_layers : sequence of int or None
        The layers whose tokens are pooled.

    Raises
    ------
    ValueError
        If a parameter is invalid or contradicts the shape of X.
    """
    task = pretext_task_class(params.pretext_task)
    readout_layers = params.readout_layers
    if source is None:
        architecture = _architecture(params, X)
    else:
        signal_encoder, architecture = source._signal_encoder_for(X)
        if architecture["channel_mixing"] == "none" != params.channel_mixing:
            architecture |= {name: getattr(params, name) for name in MIXING_PARAMETERS}
        elif readout_layers is None:
            readout_layers = source.readout_layers_
    settings = {
        **params.get_params(deep=False),
        "decoder_num_heads": auto_num_heads(params.decoder_embed_dim),
        **architecture,
    }
    names = {field.name for field in fields(task.settings_class)}
    network = task(**{name: value for name, value in settings.items() if name in names})
    EncoderEmbedding(network.signal_encoder, params.pooling, readout_layers)  # validates the layers
    if source is not None:
        _load_weights(network, source.model_, signal_encoder)
    return network, readout_layers


def require_same_architecture(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Raise an error if two networks differ in architecture; the settings of masks and losses may differ.

    Parameters
    ----------
    old, new : dict
        Settings of the networks.

    Raises
    ------
    ValueError
        If the architectures differ. The message names the settings.
    """
    encoder_settings = {field.name for field in fields(EncoderSettings)}
    names = [name for name in new if name in encoder_settings or name.startswith("decoder_")]
    changed = [f"{name} was {old[name]!r} and is {new[name]!r}" for name in names if old.get(name) != new[name]]
    if changed:
        raise ValueError(f"warm_start=True, but the network differs: {'; '.join(changed)}. Give warm_start=False.")


def _architecture(params: Any, X: np.ndarray) -> dict[str, Any]:
    """Return the settings of the encoder that depend on the shape of X."""
    signal_len = params.signal_len or X.shape[-1]
    cwt_scales = auto_scales(params.cwt_scales, signal_len)
    if X.ndim == 4:
        if params.representation == "waveform":
            raise ValueError(SIGNALS_ONLY)
        if params.signal_len is not None:
            raise ValueError(
                f"signal_len={signal_len}, but X is a spectrogram, which is not resampled; give signal_len=None."
            )
        require_views(X.shape, len(view_orders(params.diff_orders)))
        cwt_scales = X.shape[2]
    patch_size = _patch_size(params, len(scale_grid(cwt_scales)), signal_len)
    return {
        "signal_len": signal_len,
        "cwt_scales": cwt_scales,
        "patch_size_freq": patch_size[0],
        "patch_size_time": patch_size[1],
        "resample": params.signal_len is not None,
    }


def _patch_size(params: Any, num_scales: int, signal_len: int) -> tuple[int, int]:
    size = params.patch_size
    if isinstance(size, str):
        if params.representation == "waveform":
            return auto_waveform_patch_size(signal_len)
        return auto_patch_size(num_scales, signal_len)
    if len(size) != 2 or not all(isinstance(side, (int, np.integer)) and side > 0 for side in size):
        raise ValueError(f"patch_size={size!r}: give 'auto' or two positive whole numbers (scales, samples).")
    return int(size[0]), int(size[1])


def _load_weights(network: PretextTask, source: PretextTask, signal_encoder: SignalEncoder) -> None:
    """Load the weights of an encoder, and those of the decoder if both networks have the same architecture.

    Layers that mix channels keep their initial weights if the source has no such layers.
    """
    state = keep_new_mixing(network, source.state_dict())
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    if type(network) is type(source) and shapes == {name: tensor.shape for name, tensor in state.items()}:
        network.load_state_dict(state)
    else:
        weights = {f"signal_encoder.{name}": tensor for name, tensor in signal_encoder.state_dict().items()}
        network.load_encoder(weights, "init")
