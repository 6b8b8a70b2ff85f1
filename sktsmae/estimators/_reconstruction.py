"""The mixin of the pretrainer with the methods that evaluate its network on masked signals."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.utils import Bunch
from torch import Tensor

from ..functional.gaps import missing_channels
from ..functional.patches import unpatchify
from ..functional.standardization import standardize
from ..models import CWT_MAE_RoPE, PretextTask
from ..models.require_positive import require_positive
from ..signals.batches import load_batch
from ..signals.dask_signals import local_copy
from ..signals.map_batches import map_batches
from ..training.seeds import seeded
from ._base import SignalInputMixin
from ._blockwise import blockwise


class ReconstructionMixin(SignalInputMixin):
    """Mixin of an estimator with a network for a pretext task: reconstructions, and losses as scores."""

    model_: PretextTask
    seed_: int
    pretext_task: str
    batch_size: int

    def reconstruct(self, X: Any) -> Bunch:
        """Mask patches of the image of each signal, and reconstruct them.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Signals of the same shape as in `fit`, or spectrograms if `fit` was called with spectrograms. The result has
            three images per channel and signal, so pass only a few.

        Returns
        -------
        Bunch
            ``image`` (n, M, V, S, T): the standardised images; ``mask`` (n, M, S, T), bool: True where the image was
            masked; ``image_pred`` (n, M, V, S, T): the predicted images, which are meaningful only in masked patches;
            ``signal`` and ``signal_pred`` (n, M, T): the standardised signals and their predictions. The padding of
            a signal is removed, and the rest is stretched to T samples.

        Raises
        ------
        ValueError
            If the pretext task is not "reconstruction".

        Examples
        --------
        >>> from sktsmae import MAEPretrainer
        >>> from sktsmae.datasets import load_sparwatch
        >>> X = load_sparwatch().data[:20, 0]
        >>> MAEPretrainer(max_epochs=1, random_state=0).fit(X).reconstruct(X[:2]).image_pred.shape
        (2, 1, 3, 32, 512)
        """
        X, device = self._ready(X)
        model = self.model_
        if not isinstance(model, CWT_MAE_RoPE):
            raise ValueError(
                f"reconstruct needs pretext_task='reconstruction', but this pretrainer was fitted with pretext_task="
                f"{self.pretext_task!r}."
            )
        size, patch_size = model.encoder.image_size[1:], model.encoder.patch_size
        with torch.inference_mode(), seeded(self.seed_, device):
            x = load_batch(X, slice(None)).to(device)
            images = model.scalogram(x)
            lead = images.shape[:-3] if images.ndim == 5 else (len(X), 1)
            out = model.reconstruct(images, missing=missing_channels(x))
            mask = out.mask[..., None].expand(-1, -1, patch_size[0] * patch_size[1])  # (B, N, P / V)
            results = {
                "image": out.image,
                "mask": unpatchify(mask, size, patch_size)[:, 0] > 0,
                "image_pred": unpatchify(out.pred_spec, size, patch_size),
                "signal": standardize(model.waveform(out, x), -1),
                "signal_pred": out.pred_time,
            }
        return Bunch(**{name: value.unflatten(0, lead).cpu().numpy() for name, value in results.items()})

    def score(self, X: Any, y: Any = None) -> float:
        """Return the negative mean loss for random masks, which are seeded by `seed_`.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Signals of the same shape as in `fit`, or spectrograms if `fit` was called with spectrograms.
        y : None
            Ignored.

        Returns
        -------
        float
            The score; higher is better.
        """
        X, device = self._ready(X)
        with local_copy(X) as X, seeded(self.seed_, device):
            losses = map_batches(self.model_.signal_losses, X, self.batch_size, device, draws=True)
        return -float(losses.mean(dtype=np.float64))

    @blockwise
    def score_samples(self, X: Any, n_draws: int = 8) -> np.ndarray:
        """Return the negative loss of each signal as an anomaly score; as in scikit-learn, low scores mean anomalies.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Signals of the same shape as in `fit`, or spectrograms if `fit` was called with spectrograms.
        n_draws : int, default=8
            Number of masks over which the loss of each signal is averaged. All signals share the same masks,
            derived from `seed_`, so a signal's score is independent of the rest of X.

        Returns
        -------
        ndarray of shape (n,), float32
            The scores. A lazy Dask array if X is a Dask array.

        Raises
        ------
        ValueError
            If `n_draws` is not a positive whole number.

        Examples
        --------
        >>> from sktsmae import MAEPretrainer
        >>> from sktsmae.datasets import load_sparwatch
        >>> X = load_sparwatch().data[:20, 0]
        >>> MAEPretrainer(max_epochs=1, random_state=0).fit(X).score_samples(X[:3]).shape
        (3,)
        """
        require_positive(n_draws=n_draws)
        X, device = self._ready(X)
        model = self.model_
        channels = model.signal_encoder.num_channels(X.shape[1:])
        with seeded(self.seed_, device):
            draws = [model.draw(channels, device) for _ in range(n_draws)]
        batch_size = max(1, self.batch_size // channels)
        scores: np.ndarray = -map_batches(partial(_mean_losses, model, draws), X, batch_size, device)
        return scores


def _mean_losses(model: PretextTask, draws: list[dict[str, Tensor]], batch: Tensor) -> Tensor:
    """Return the losses (B,) of signals, averaged over several random masks, shared by all signals."""
    repeated = ({name: value.repeat(len(batch), 1) for name, value in drawn.items()} for drawn in draws)
    return torch.stack([model.signal_losses(batch, drawn) for drawn in repeated]).mean(0)
