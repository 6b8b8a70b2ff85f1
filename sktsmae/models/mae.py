"""The masked autoencoder: scalogram, encoder and decoder in one network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..functional.losses import instance_loss, masked_patch_loss, waveform_loss
from ..functional.masking import mixed_noise, num_kept, random_masking, take_tokens
from ..functional.patches import patch_validity
from ..functional.wavelets import DIFF_ORDERS, unit_amplitude
from .checkpoints import load_matching, read_reference, read_safetensors, restore, to_jsonable, write_safetensors
from .decoder import Decoder
from .encoder import Rope, build_encoder, init_weights


class Reconstruction(NamedTuple):
    """What the autoencoder saw and what it made of it; each channel is a sequence, so B stands for B * M.

    Attributes
    ----------
    image : Tensor of shape (B, V, S, T)
        Standardised time-frequency images.
    target : Tensor of shape (B, N, V * scales * samples)
        Their patches, those that are decoded.
    latent : Tensor of shape (B, 1 + K, D)
        The encoder's output.
    mask : Tensor of shape (B, N)
        0 for a kept patch and 1 for a masked one.
    pred_spec : Tensor of shape (B, N, V * scales * samples)
        Predicted patches.
    pred_time : Tensor of shape (B, T) or (B, C, samples)
        Predicted waveform, standardised; or its columns.
    columns : Tensor of shape (B, C), int64, or None
        Which columns of patches are decoded, N = rows * C patches; None if all are.

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
    mask: Tensor
    pred_spec: Tensor
    pred_time: Tensor
    columns: Tensor | None


class CWT_MAE_RoPE(nn.Module):  # noqa: N801 - the name of the published design
    """Masked autoencoder of wavelet images with rotary position embedding.

    Parameters
    ----------
    signal_len : int, default=3000
        Samples T of a signal.
    cwt_scales : int or sequence of float, default=64
        A number of scales (0.1, 1.1, ...) or the scales in samples.
    diff_orders : sequence of {0, 1, 2}, default=(0, 1, 2)
        Orders of difference of the views.
    patch_size_freq, patch_size_time : int, default=4 and 50
        Scales and samples of a patch.
    embed_dim, depth, num_heads : int, default=768, 12 and 12
        Size of the encoder.
    decoder_embed_dim, decoder_depth, decoder_num_heads : int, default=512, 8 and 16
        Size of the decoder.
    mask_ratio : float, default=0.75
        Share of patches that are hidden, in (0, 1).
    mlp_ratio : float, default=4
        Hidden size of the MLPs over the embedding's.
    mlp_rank_ratio : float, default=0.5
        Rank of the encoder's MLP matrices over their smaller side.
    time_loss_weight : float, default=1
        Weight of the waveform's loss beside the spectrogram's.
    rope : {"axial", "raster"}, default="axial"
        Rotary embedding by frequency and time apart, or by one index over the grid.
    decode_ratio : float, default=1
        Share of the columns of patches that are decoded in training, in (0, 1].
    standardize : bool or "per_scale", default=True
        Whether images are standardised by view, or by row, as in `Scalogram`.
    boundary : {"zeros", "reflect"}, default="zeros"
        What lies outside a signal's ends, as in `Scalogram`.
    masking : {"patches", "mixed"}, default="patches"
        Whether patches are hidden one by one, or in some images by whole rows or columns, as in
        `functional.masking.mixed_noise`.
    instance_loss_weight : float, default=0
        Weight of a loss by which two views of an image, masked each in its own way, are to be recognised among those of
        the batch's other images; in training only.
    resample : bool, default=False
        Whether signals of any length are taken, and resampled to `signal_len`.

    Raises
    ------
    ValueError
        If a setting is impossible; the message names it.

    References
    ----------
    K. He et al., "Masked autoencoders are scalable vision learners", CVPR 2022.

    L. Wang et al., "VideoMAE V2: scaling video masked autoencoders with dual masking", CVPR 2023 (`decode_ratio`).

    A. van den Oord et al., "Representation learning with contrastive predictive coding", 2018 (`instance_loss_weight`).

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

    valid: Tensor | None

    def __init__(
        self,
        signal_len: int = 3000,
        cwt_scales: int | Sequence[float] = 64,
        diff_orders: Sequence[int] = DIFF_ORDERS,
        patch_size_freq: int = 4,
        patch_size_time: int = 50,
        embed_dim: int = 768,
        depth: int = 12,
        num_heads: int = 12,
        decoder_embed_dim: int = 512,
        decoder_depth: int = 8,
        decoder_num_heads: int = 16,
        mask_ratio: float = 0.75,
        mlp_ratio: float = 4.0,
        mlp_rank_ratio: float = 0.5,
        time_loss_weight: float = 1.0,
        rope: Rope = "axial",
        decode_ratio: float = 1.0,
        standardize: bool | str = True,
        boundary: str = "zeros",
        masking: str = "patches",
        instance_loss_weight: float = 0.0,
        resample: bool = False,
    ) -> None:
        super().__init__()
        encoder_settings: dict[str, Any] = {
            "signal_len": signal_len,
            "cwt_scales": cwt_scales,
            "diff_orders": diff_orders,
            "patch_size_freq": patch_size_freq,
            "patch_size_time": patch_size_time,
            "embed_dim": embed_dim,
            "depth": depth,
            "num_heads": num_heads,
            "mlp_ratio": mlp_ratio,
            "mlp_rank_ratio": mlp_rank_ratio,
            "rope": rope,
            "standardize": standardize,
            "boundary": boundary,
            "resample": resample,
        }
        own_settings = {
            "decoder_embed_dim": decoder_embed_dim,
            "decoder_depth": decoder_depth,
            "decoder_num_heads": decoder_num_heads,
            "mask_ratio": mask_ratio,
            "time_loss_weight": time_loss_weight,
            "decode_ratio": decode_ratio,
            "masking": masking,
            "instance_loss_weight": instance_loss_weight,
        }
        self.settings = {name: to_jsonable(value) for name, value in (encoder_settings | own_settings).items()}
        self.scalogram, self.encoder = build_encoder(**encoder_settings)
        num_kept(self.encoder.num_patches, mask_ratio)
        image_size, patch_size = self.encoder.image_size, self.encoder.patch_size
        self.decoder = Decoder(
            image_size,
            patch_size,
            embed_dim,
            decoder_embed_dim,
            decoder_depth,
            decoder_num_heads,
            mlp_ratio,
            rope,
            decode_ratio,
        )
        for name, weight in {
            "time_loss_weight": time_loss_weight,
            "instance_loss_weight": instance_loss_weight,
        }.items():
            if not weight >= 0:
                raise ValueError(f"{name}={weight}: give a weight that is not negative.")
        if masking not in ("patches", "mixed"):
            raise ValueError(f"masking={masking!r}: choose 'patches' or 'mixed'.")
        self.mask_ratio = mask_ratio
        self.time_loss_weight = time_loss_weight
        self.masking = masking
        self.instance_loss_weight = instance_loss_weight
        if instance_loss_weight:
            self.projector = nn.Sequential(nn.Linear(embed_dim, 2 * embed_dim), nn.GELU(), nn.Linear(2 * embed_dim, 64))
            self.projector.apply(init_weights)
        valid = patch_validity(image_size[1:], patch_size, image_size[0])
        self.register_buffer("valid", valid, persistent=False)

    def forward(
        self,
        x: Tensor,
        noise: Tensor | None = None,
        columns: Tensor | None = None,
        other_noise: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Hide patches, rebuild them, and measure how well.

        Parameters
        ----------
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            Signals of one channel or of M, or spectrograms.
        noise : Tensor of shape (B, N), (B, M, N) or (B * M, N), default=None
            The patches with the smallest noise stay visible; None draws it, and whatever else is left to chance.
        columns : Tensor of shape (B * M, C), int64, default=None
            The columns of patches to decode; None for all.
        other_noise : Tensor of shape (B * M, N), default=None
            Another choice of patches, from which the loss of instances is to recognise an image.

        Returns
        -------
        loss : Tensor of shape ()
            ``loss_spec + time_loss_weight * loss_time``, and in training ``instance_loss_weight`` times the loss of
            instances.
        pred_spec : Tensor of shape (B, N, V * scales * samples), with M after B where `x` has it
            Predicted patches; in training with `decode_ratio` below 1 those of the columns that were drawn.
        pred_time : Tensor of shape (B, T), with M after B where `x` has it
            Predicted waveform of the standardised signal; of drawn columns (B, C, samples).
        imgs : Tensor of shape (B, V, S, T), with M after B where `x` has it
            The standardised images.
        """
        imgs = self.scalogram(x)
        if noise is None:
            drawn = self.draw(imgs.shape[:-3].numel(), imgs.device)
            noise, columns, other_noise = drawn["noise"], drawn.get("columns"), drawn.get("other_noise")
        out = self.reconstruct(imgs, noise.flatten(0, -2), columns)
        loss_spec, loss_time = self.losses(out, x)
        loss = loss_spec + self.time_loss_weight * loss_time
        if other_noise is not None:
            loss = loss + self.instance_loss_weight * self._instance_loss(out.latent, imgs, other_noise)
        lead = imgs.shape[:-3]
        return loss, out.pred_spec.unflatten(0, lead), out.pred_time.unflatten(0, lead), imgs

    def draw(self, count: int, device: torch.device | None = None) -> dict[str, Tensor]:
        """Draw what `forward` leaves to chance.

        Parameters
        ----------
        count : int
            Images B * M.
        device : torch.device, default=None
            Where to; None for torch's default.

        Returns
        -------
        dict of str to Tensor
            Arguments of `forward`, with a row an image.
        """
        drawn = {"noise": self._noise(count, device)}
        columns = self.decoder.draw_columns(count, device)
        if columns is not None:
            drawn["columns"] = columns
        if self.training and self.instance_loss_weight:
            drawn["other_noise"] = self._noise(count, device)
        return drawn

    def reconstruct(self, image: Tensor, noise: Tensor | None = None, columns: Tensor | None = None) -> Reconstruction:
        """Hide patches of images and rebuild them.

        Parameters
        ----------
        image : Tensor of shape (B, V, S, T) or (B, M, V, S, T)
            Standardised images.
        noise : Tensor of shape (B * M, N), default=None
            The patches with the smallest noise stay visible; None draws it.
        columns : Tensor of shape (B * M, C), int64, default=None
            The columns of patches to decode; None for all.

        Returns
        -------
        Reconstruction
            Everything on the way.
        """
        target = self.encoder.patchify(image)  # (B * M, N, P)
        if noise is None:
            noise = self._noise(len(target), target.device)
        ids_keep, ids_restore, mask = random_masking(noise, self.mask_ratio)
        latent = self.encoder(target, ids_keep)
        if columns is not None:
            ids = self.decoder.patches_of(columns)
            target, mask = take_tokens(target, ids), mask.gather(1, ids)
        pred_spec, pred_time = self.decoder(latent, ids_restore, columns)
        return Reconstruction(image.flatten(0, -4), target, latent, mask, pred_spec, pred_time, columns)

    def losses(self, out: Reconstruction, x: Tensor) -> tuple[Tensor, Tensor]:
        """Measure a reconstruction.

        Parameters
        ----------
        out : Reconstruction
            From `reconstruct`.
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            What the images were made of. The waveform to meet is the signal, or the finest scale of the first view of
            a spectrogram.

        Returns
        -------
        loss_spec, loss_time : Tensor of shape (), float32
            Losses of the masked patches and of the waveform.
        """
        valid = self.valid
        if valid is not None and out.columns is not None:
            valid = valid[self.decoder.patches_of(out.columns)]
        loss_spec = masked_patch_loss(out.pred_spec, out.target, out.mask, valid)
        return loss_spec, waveform_loss(out.pred_time, self.waveform(out, x), out.columns)

    def waveform(self, out: Reconstruction, x: Tensor) -> Tensor:
        """Return the waveform that the reconstruction is to meet, before it is standardised.

        Parameters
        ----------
        out : Reconstruction
            From `reconstruct`.
        x : Tensor of shape (B, T), (B, M, T) or (B, M * V, S, T)
            What the images were made of.

        Returns
        -------
        Tensor of shape (B * M, T), float32
            The signal, or the finest scale of the first view of a spectrogram.
        """
        return out.image[:, 0, 0] if x.ndim == 4 else unit_amplitude(self.scalogram.resampled(x.float()).flatten(0, -2))

    def _noise(self, count: int, device: torch.device | None) -> Tensor:
        """Draw what decides which patches of so many images stay visible, (B, N)."""
        if self.masking == "mixed":
            return mixed_noise(count, self.encoder.grid_size, device)
        return torch.rand(count, self.encoder.num_patches, device=device)

    def _instance_loss(self, latent: Tensor, image: Tensor, noise: Tensor) -> Tensor:
        """Compare the tokens (B, 1 + K, D) of the visible patches with those of another choice of patches."""
        patches = self.encoder.patchify(image)
        ids_keep, _, _ = random_masking(noise, self.mask_ratio)
        views = (latent, self.encoder(patches, ids_keep))
        return instance_loss(*(self.projector(tokens[:, 1:].mean(1)) for tokens in views))


def save_mae(model: CWT_MAE_RoPE, path: str | os.PathLike[str]) -> None:
    """Write weights and settings to one safetensors file.

    Parameters
    ----------
    model : CWT_MAE_RoPE
        The model.
    path : str or path-like
        The file, replaced if it is there.

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
    """Build the model that `save_mae` wrote.

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
        If there is no such file.
    ValueError
        If the file is truncated, or not one of these.

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
    state.pop("thresholds", None)  # a pretrainer's, of no use to the network
    settings = metadata["settings"]
    return restore(lambda: CWT_MAE_RoPE(**settings), settings, state, path)


def load_reference_mae(path: str | os.PathLike[str], **settings: Any) -> CWT_MAE_RoPE:
    """Build the model of a ``.pth`` file of the reference implementation.

    Parameters
    ----------
    path : str or path-like
        The file: a bare state dict, or one under ``"model"``.
    **settings
        Arguments of `CWT_MAE_RoPE`; the file holds none. The raster rotary embedding is set for the reference
        implementation's files.

    Returns
    -------
    CWT_MAE_RoPE
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
    >>> from sktsmae.models import CWT_MAE_RoPE, load_reference_mae
    >>> settings = {"signal_len": 100, "embed_dim": 32, "depth": 1, "num_heads": 4, "decoder_embed_dim": 16,
    ...             "decoder_depth": 1, "decoder_num_heads": 2}
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "mae.pth"
    >>> torch.save({"model": CWT_MAE_RoPE(**settings).state_dict()}, path)
    >>> load_reference_mae(path, **settings).encoder.embed_dim
    32
    """
    state, from_reference = read_reference(path)
    if from_reference:
        settings["rope"] = "raster"
    model = CWT_MAE_RoPE(**settings)
    load_matching(model, state, path)
    return model.eval()
