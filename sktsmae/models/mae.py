"""The masked autoencoder: a signal encoder and a decoder, trained to reconstruct masked patches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from ..functional.gaps import missing_channels
from ..functional.losses import masked_patch_loss, waveform_loss
from ..functional.masking import drop_channels, mixed_noise, num_kept, random_masking
from ..functional.patches import patch_validity, take_tokens
from ..functional.standardization import unit_amplitude
from .decoder import Decoder
from .encoder import Encoder
from .pretext import PretextTask
from .settings import MAESettings


class Reconstruction(NamedTuple):
    """A reconstruction of B images, one per channel of a signal, with its intermediate results.

    Attributes
    ----------
    image : Tensor of shape (B, V, S, T)
        Standardised time-frequency images.
    target : Tensor of shape (B, N, V * scales * samples)
        The true patches at the N decoded positions.
    latent : Tensor of shape (B, 1 + K, D)
        The output of the encoder: the class token and the tokens of the K visible patches.
    ids_restore : Tensor of shape (B, all patches), int64
        Position of each patch in the shuffled sequence, in which the visible patches precede the masked patches.
    mask : Tensor of shape (B, N)
        0 for a visible patch and 1 for a masked patch, at the decoded positions.
    num_masked : float
        Mean number of masked patches per image at the decoded positions.
    pred_spec : Tensor of shape (B, N, V * scales * samples)
        Predicted patches.
    pred_time : Tensor of shape (B, T) or (B, C, samples)
        Predicted standardised waveform, or its samples in C decoded columns of patches.
    columns : Tensor of shape (B, C), int64, or None
        Indices of the C decoded columns, so that N is C times the number of rows. None if all columns are decoded.

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import CWT_MAE_RoPE
    >>> model = CWT_MAE_RoPE(signal_len=100, embed_dim=32, depth=1, num_heads=4,
    ...                      decoder_embed_dim=16, decoder_depth=1, decoder_num_heads=2)
    >>> model.reconstruct(model.scalogram(torch.randn(3, 100))).pred_time.shape
    torch.Size([3, 100])
    """

    image: Tensor
    target: Tensor
    latent: Tensor
    ids_restore: Tensor
    mask: Tensor
    num_masked: float
    pred_spec: Tensor
    pred_time: Tensor
    columns: Tensor | None


class CWT_MAE_RoPE(PretextTask):  # noqa: N801 - the name in the reference implementation
    """Masked autoencoder of wavelet images with rotary position embedding.

    Parameters
    ----------
    **settings
        Fields of `MAESettings`. The defaults, except for `rope`, are those of CWT-MAE-RoPE.

    Attributes
    ----------
    settings : dict
        The settings, as JSON-serialisable values.
    signal_encoder : SignalEncoder
        The scalogram and the encoder.
    decoder : Decoder
        The decoder.

    Raises
    ------
    ValueError
        If a setting is invalid. The message names it.

    References
    ----------
    CWT-MAE-RoPE: github.com/Dryilv/Wearable-Foundation-Model.

    K. He et al., "Masked autoencoders are scalable vision learners", CVPR 2022.

    L. Wang et al., "VideoMAE V2: scaling video masked autoencoders with dual masking", CVPR 2023 (decoding of
    a subset of the patches, as with `decode_ratio` below 1).

    Examples
    --------
    >>> import torch
    >>> from sktsmae.models import CWT_MAE_RoPE
    >>> model = CWT_MAE_RoPE(signal_len=500, embed_dim=96, depth=2, num_heads=4,
    ...                      decoder_embed_dim=64, decoder_depth=1, decoder_num_heads=4)
    >>> loss, pred_spec, pred_time, imgs = model(torch.randn(8, 500))
    >>> pred_spec.shape, pred_time.shape, imgs.shape
    (torch.Size([8, 160, 600]), torch.Size([8, 500]), torch.Size([8, 3, 64, 500]))
    """

    settings_class = MAESettings
    # Whether the gradient of the reconstruction loss reaches the encoder.
    reconstruction_trains_encoder: ClassVar[bool] = True
    valid: Tensor | None

    def __init__(self, **settings: Any) -> None:
        config = MAESettings(**settings)
        super().__init__(config)
        num_kept(self.encoder.num_patches, config.mask_ratio)  # raises an error if mask_ratio is invalid
        image_size, patch_size = self.encoder.image_size, self.encoder.patch_size
        self.decoder = Decoder(
            image_size,
            patch_size,
            config.embed_dim,
            config.decoder_embed_dim,
            config.decoder_depth,
            config.decoder_num_heads,
            config.mlp_ratio,
            config.rope,
            config.decode_ratio,
        )
        valid = patch_validity(image_size[1:], patch_size, image_size[0])
        self.register_buffer("valid", valid, persistent=False)

    @property
    def visible_encoder(self) -> Encoder:
        """The encoder of the visible patches.

        Returns
        -------
        Encoder
            The encoder in `signal_encoder`.
        """
        return self.encoder

    def forward(
        self, x: Tensor, noise: Tensor | None = None, columns: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Mask patches, reconstruct them, and compute the mean loss.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals of one channel or of M channels, or spectrograms.
        noise : Tensor of shape (B, N), (B, M, N) or (B * M, N), default=None
            The patches with the smallest noise stay visible. None draws the noise at random and, in training mode with
            `decode_ratio` below 1, also the columns.
        columns : Tensor of shape (B * M, C), int64, default=None
            Indices of the C columns of patches to decode. None decodes all columns. Not used if `noise` is None.

        Returns
        -------
        loss : Tensor of shape ()
            ``loss_spec + time_loss_weight * loss_time``, averaged over the signals.
        pred_spec : Tensor of shape (B, N, V * scales * samples), with M after B if `x` has channels
            Predicted patches; if columns are given or drawn, only those in these columns.
        pred_time : Tensor of shape (B, T), with M after B if `x` has channels
            Predicted waveform of the standardised signal. The shape is (B, C, samples) if only C columns are decoded.
        imgs : Tensor of shape (B, V, S, T), with M after B if `x` has channels
            The standardised images.
        """
        drawn = None if noise is None else {"noise": noise} | ({} if columns is None else {"columns": columns})
        out, losses, axes = self._reconstruct_signals(x, drawn)
        imgs = out.image.unflatten(0, axes)
        return losses.mean(), out.pred_spec.unflatten(0, axes), out.pred_time.unflatten(0, axes), imgs

    def signal_losses(self, x: Tensor, drawn: Mapping[str, Tensor] | None = None) -> Tensor:
        """Mask patches, reconstruct them, and compute the loss of each signal.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals of one channel or of M channels, or spectrograms.
        drawn : mapping of str to Tensor, default=None
            The result of `draw`, which contains the arguments `noise` and `columns` of `forward`, and the noise that
            determines which channels are dropped, as in `functional.masking.drop_channels`. None calls `draw`.

        Returns
        -------
        Tensor of shape (B,), float32
            ``loss_spec + time_loss_weight * loss_time``, averaged over those channels of each signal that have values.
        """
        return self._reconstruct_signals(x, drawn)[1]

    def draw(self, count: int, device: torch.device | None = None) -> dict[str, Tensor]:
        """Draw the random tensors that `signal_losses` uses.

        Parameters
        ----------
        count : int
            Number of images B * M.
        device : torch.device, default=None
            Device of the tensors. None uses torch's default device.

        Returns
        -------
        dict of str to Tensor
            Tensors by name, with one row per image.
        """
        drawn = {"noise": self._noise(count, device)}
        if (columns := self.decoder.draw_columns(count, device)) is not None:
            drawn["columns"] = columns
        if self.training and self.encoder.mixing:  # so that the encoder also learns from a part of the channels
            drawn["channel_noise"] = torch.rand(count, 1, device=device)
        return drawn

    def reconstruct(
        self,
        image: Tensor,
        noise: Tensor | None = None,
        columns: Tensor | None = None,
        missing: Tensor | None = None,
    ) -> Reconstruction:
        """Mask patches of images and reconstruct them.

        Parameters
        ----------
        image : Tensor of shape (B, V, S, T) or (B, M, V, S, T)
            Standardised images.
        noise : Tensor of shape (B * M, N), default=None
            The patches with the smallest noise stay visible. None draws the noise at random.
        columns : Tensor of shape (B * M, C), int64, default=None
            Indices of the C columns of patches to decode. None decodes all columns.
        missing : Tensor of shape (B, M), bool, default=None
            True for a channel without values. None if there is none.

        Returns
        -------
        Reconstruction
            The reconstruction and the intermediate results.
        """
        target = self.encoder.patchify(image)  # (B * M, N, P)
        num_channels = image.shape[1] if image.ndim == 5 else 1
        if noise is None:
            noise = self._noise(len(target), target.device)
        if self.settings["channel_mixing"] == "tokens":  # the visible patches of all channels have the same positions
            noise = noise[::num_channels].repeat_interleave(num_channels, dim=0)
        ids_keep, ids_restore, mask = random_masking(noise, self.settings["mask_ratio"])
        latent = self.visible_encoder(target, ids_keep, num_channels, missing)
        num_patches, num_masked = target.shape[1], float(target.shape[1] - ids_keep.shape[1])
        if columns is not None:
            ids = self.decoder.patches_of(columns)
            target, mask = take_tokens(target, ids), mask.gather(1, ids)
            # The number of masked patches in the drawn columns differs between images, but the losses of all images are
            # divided by the mean number.
            num_masked *= target.shape[1] / num_patches
        tokens = latent if self.reconstruction_trains_encoder else latent.detach()
        pred_spec, pred_time = self.decoder(tokens, ids_restore, columns)
        image = image.flatten(0, -4)
        return Reconstruction(image, target, latent, ids_restore, mask, num_masked, pred_spec, pred_time, columns)

    def channel_losses(self, out: Reconstruction, x: Tensor) -> Tensor:
        """Compute the loss of each channel.

        Parameters
        ----------
        out : Reconstruction
            From `reconstruct`.
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            The signals or spectrograms from which the images were computed.

        Returns
        -------
        Tensor of shape (B * M,), float32
            ``loss_spec + time_loss_weight * loss_time``.
        """
        loss_spec, loss_time = self.losses(out, x)
        time_loss_weight: float = self.settings["time_loss_weight"]
        return loss_spec + time_loss_weight * loss_time

    def losses(self, out: Reconstruction, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the spectrogram loss and the waveform loss of each channel.

        Parameters
        ----------
        out : Reconstruction
            From `reconstruct`.
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            The signals or spectrograms from which the images were computed. The target of the waveform loss is the
            result of `waveform`.

        Returns
        -------
        loss_spec, loss_time : Tensor of shape (B * M,), float32
            Mean squared error of the masked patches, and of the waveform.
        """
        valid = self.valid
        if valid is not None and out.columns is not None:
            valid = valid[self.decoder.patches_of(out.columns)]
        loss_spec = masked_patch_loss(out.pred_spec, out.target, out.mask, valid, out.num_masked)
        return loss_spec, waveform_loss(out.pred_time, self.waveform(out, x), out.columns)

    def waveform(self, out: Reconstruction, x: Tensor) -> Tensor:
        """Return the waveform that the decoder must predict, before it is standardised.

        Parameters
        ----------
        out : Reconstruction
            From `reconstruct`.
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            The signals or spectrograms from which the images were computed.

        Returns
        -------
        Tensor of shape (B * M, T), float32
            The signal, resampled as in the scalogram and scaled by `functional.standardization.unit_amplitude`. For a
            spectrogram, the finest scale of its first view.
        """
        return out.image[:, 0, 0] if x.ndim == 4 else unit_amplitude(self.scalogram.resampled(x.float()).flatten(0, -2))

    def _reconstruct_signals(
        self, x: Tensor, drawn: Mapping[str, Tensor] | None
    ) -> tuple[Reconstruction, Tensor, torch.Size]:
        """Return the reconstruction of signals, their losses (B,), and the sizes of the axes before V in the images."""
        drawn = drawn or self.draw(len(x) * self.signal_encoder.num_channels(x.shape[1:]), x.device)
        x = drop_channels(x, drawn.get("channel_noise"))
        imgs, missing = self.scalogram(x), missing_channels(x)
        axes = imgs.shape[:-3]
        out = self.reconstruct(imgs, drawn["noise"].flatten(0, -2), drawn.get("columns"), missing)
        losses = self.channel_losses(out, x).unflatten(0, (len(x), -1))  # (B, M)
        if missing is not None:
            losses = torch.where(missing, 0, losses) / (~missing).float().mean(1, keepdim=True)
        return out, losses.mean(1), axes

    def _noise(self, count: int, device: torch.device | None) -> Tensor:
        """Draw the noise (B, N) that determines which patches stay visible."""
        if self.settings["masking"] == "mixed":
            return mixed_noise(count, self.encoder.grid_size, device)
        return torch.rand(count, self.encoder.num_patches, device=device)
