"""Settings of an encoder and of a masked autoencoder, which are also stored in checkpoint files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

from ..functional.wavelets import DIFF_ORDERS
from .require_positive import require_positive
from .to_jsonable import to_jsonable

Rope = Literal["axial", "raster"]
REPRESENTATIONS = ("image", "waveform")


@dataclass(frozen=True, kw_only=True)
class EncoderSettings:  # numpydoc ignore=PR02
    """Settings of a scalogram and the encoder of its images.

    The defaults, except for `rope`, are those of CWT-MAE-RoPE.

    Parameters
    ----------
    signal_len : int, default=3000
        Number of samples T of a signal.
    representation : {"image", "waveform"}, default="image"
        What is divided into patches: the image of a signal, or with "waveform", the signal itself, as in `Waveform`.
        Then `patch_size_freq` must be 1, and `cwt_scales`, `diff_orders`, `standardize`, `boundary`, `wavelet` and `w0`
        have no effect.
    cwt_scales : int or sequence of float, default=64
        Number of scales of the linear grid 0.1, 1.1, ..., or the scales in samples.
    diff_orders : sequence of {0, 1, 2}, default=(0, 1, 2)
        Difference order of each view, as in `Scalogram`.
    patch_size_freq, patch_size_time : int, default=4 and 50
        Number of scales and of samples in a patch.
    embed_dim, depth, num_heads : int, default=768, 12 and 12
        Embedding size, number of blocks and number of attention heads of the encoder.
    mlp_ratio : float, default=4
        Ratio of the hidden size of the MLPs to `embed_dim`.
    mlp_rank_ratio : float, default=0.5
        Ratio of the rank of the MLPs' weight matrices to their smaller dimension, as in `LowRankLinear`.
    rope : {"axial", "raster"}, default="axial"
        Rotary position embedding: "axial" encodes the row and the column of a patch, "raster" encodes one index over
        the flattened grid of patches.
    standardize : bool or "per_scale", default=True
        Whether to standardise each view of an image, or each of its scales, as in `Scalogram`.
    boundary : {"zeros", "reflect"}, default="zeros"
        Extension of a signal beyond its ends, as in `Scalogram`.
    resample : bool, default=False
        Whether signals of any length are accepted and resampled to `signal_len`.
    wavelet : {"ricker", "morlet"}, default="ricker"
        The wavelet, as in `Scalogram`.
    w0 : float, default=6
        Number of radians of the Morlet wavelet within one standard deviation of its envelope.
    channel_mixing : {"none", "cls", "tokens"}, default="none"
        Attention between the channels of a signal, as in `Encoder`.
    channel_layout : {"ring"} or None, default=None
        Whether the channels lie on a ring, as in `Encoder`.

    Raises
    ------
    ValueError
        If a size is not a positive whole number, a ratio is not positive, or the representation is invalid.

    References
    ----------
    CWT-MAE-RoPE: github.com/Dryilv/Wearable-Foundation-Model.
    """

    signal_len: int = 3000
    representation: str = "image"
    cwt_scales: int | Sequence[float] = 64
    diff_orders: Sequence[int] = DIFF_ORDERS
    patch_size_freq: int = 4
    patch_size_time: int = 50
    embed_dim: int = 768
    depth: int = 12
    num_heads: int = 12
    mlp_ratio: float = 4.0
    mlp_rank_ratio: float = 0.5
    rope: Rope = "axial"
    standardize: bool | str = True
    boundary: str = "zeros"
    resample: bool = False
    wavelet: str = "ricker"
    w0: float = 6.0
    channel_mixing: str = "none"
    channel_layout: str | None = None

    def __post_init__(self) -> None:
        sizes = ("signal_len", "patch_size_freq", "patch_size_time", "embed_dim", "depth", "num_heads")
        require_positive(**{name: getattr(self, name) for name in sizes})
        for name in ("mlp_ratio", "mlp_rank_ratio"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)}: give a positive number.")
        if self.representation not in REPRESENTATIONS:
            raise ValueError(f"representation={self.representation!r}: choose 'image' or 'waveform'.")
        if self.representation == "waveform" and self.patch_size_freq != 1:
            raise ValueError(
                f"patch_size_freq={self.patch_size_freq}, but representation='waveform' has one row; give "
                "patch_size_freq=1, which is the first number of patch_size in MAEPretrainer."
            )

    @classmethod
    def among(cls, settings: Mapping[str, Any]) -> Self:
        """Create settings from a mapping; ignore entries that are not fields of this class.

        Parameters
        ----------
        settings : mapping
            Settings, for example those of a masked autoencoder.

        Returns
        -------
        Self
            The settings.
        """
        names = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in settings.items() if name in names})

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON-serialisable values.

        Returns
        -------
        dict
            Names and values.
        """
        return {name: to_jsonable(value) for name, value in asdict(self).items()}


@dataclass(frozen=True, kw_only=True)
class MAESettings(EncoderSettings):  # numpydoc ignore=PR02
    """Settings of a masked autoencoder, in addition to those of its encoder.

    Parameters
    ----------
    decoder_embed_dim, decoder_depth, decoder_num_heads : int, default=512, 8 and 16
        Embedding size, number of blocks and number of attention heads of the decoder.
    mask_ratio : float, default=0.75
        Fraction of patches that are masked, in (0, 1).
    masking : {"patches", "mixed"}, default="patches"
        "patches" masks single patches. "mixed" masks whole rows or columns of patches in some images, as in
        `functional.masking.mixed_noise`.
    time_loss_weight : float, default=1
        Weight of the waveform loss relative to the spectrogram loss.
    decode_ratio : float, default=1
        Fraction of the columns of patches that the decoder reconstructs in each training step, in (0, 1]. A column
        contains all patches of one time interval.

    Raises
    ------
    ValueError
        If `time_loss_weight` is negative or `masking` is unknown.
    """

    decoder_embed_dim: int = 512
    decoder_depth: int = 8
    decoder_num_heads: int = 16
    mask_ratio: float = 0.75
    masking: str = "patches"
    time_loss_weight: float = 1.0
    decode_ratio: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.time_loss_weight >= 0:
            raise ValueError(f"time_loss_weight={self.time_loss_weight}: give a weight that is not negative.")
        if self.masking not in ("patches", "mixed"):
            raise ValueError(f"masking={self.masking!r}: choose 'patches' or 'mixed'.")
