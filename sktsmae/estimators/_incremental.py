"""The base class of the classifier and the regressor, which adds `partial_fit`."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from contextlib import ExitStack
from typing import Any, Self

import numpy as np
import torch

from ..models import Ensemble
from ..models.probe import model_inputs
from ..signals.dask_signals import local_copy
from ..signals.device import resolve_device
from ..signals.validation import check_signals
from ..training.accumulated_features import AccumulatedFeatures
from ..training.labelled_samples import LabelledSamples
from ..training.sample_weights import mean_weight_of_classes
from ..training.seeds import draw_seed, seeded
from ._pretrained import fit_pretrainer
from ._rollback import rollback_on_error
from ._supervised import MAESupervised, remove_unused_features
from ._unused import warn_unused


def fits_incrementally(estimator: Any) -> bool:
    """Return whether the parameters of an estimator allow `partial_fit`; raise if they do not.

    Parameters
    ----------
    estimator : MAESupervised
        The estimator.

    Returns
    -------
    bool
        True.

    Raises
    ------
    AttributeError
        If a network is to be fine-tuned.
    """
    if estimator.finetune != "none":
        raise AttributeError(
            f"finetune={estimator.finetune!r}: partial_fit fine-tunes no network; set finetune='none'."
        )
    return True


class IncrementalSupervised(MAESupervised, ABC):
    """Predict targets by linear models that are fitted to sums over all batches of samples until now."""

    _accumulated: AccumulatedFeatures

    @abstractmethod
    def _encode_batch(self, X: np.ndarray, y: Any, sample_weight: Any, first: bool) -> LabelledSamples:
        """Return samples whose targets are encoded by `classes_`, or by `target_mean_` and `target_scale_`."""

    @abstractmethod
    def _ridge_targets(self, targets: np.ndarray) -> np.ndarray:
        """Return the targets (n, C) of ridge regressions."""

    @property
    def ensemble_(self) -> Ensemble:
        """The probe and the fine-tuned network, whose outputs are averaged.

        Returns
        -------
        Ensemble
            The ensemble. After `partial_fit`, its linear models are fitted when they are first used.
        """
        if "_ensemble" in vars(self) and self._ensemble is None:
            self._ensemble = self._fit_to_sums()
        return super().ensemble_

    def __getstate__(self) -> dict[str, Any]:
        if "_accumulated" in vars(self):
            self._accumulated.to(torch.device("cpu"))
        return super().__getstate__()

    def _require_incremental(self) -> None:
        """Raise if parameters are invalid, or if an earlier fit does not allow `partial_fit`."""
        self._validate_params()
        self._check_configuration()
        if "_ensemble" in vars(self) and "_accumulated" not in vars(self):
            raise ValueError(
                "partial_fit needs sums over all earlier samples, which fit does not keep and files do not contain; "
                "call partial_fit for every batch of a new estimator."
            )

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any) -> Self:
        """Add a batch to the sums; the first batch also determines thresholds and standardisations."""
        with rollback_on_error(self), ExitStack() as stack:
            device, first = resolve_device(self.device), "_accumulated" not in vars(self)
            X = stack.enter_context(local_copy(check_signals(self, X, reset=first, min_samples=2 if first else 1)))
            batch = self._encode_batch(X, y, sample_weight, first)
            if first:  # constant weights have no effect
                self._weight_scale = float(batch.weights.mean())
            batch = batch._replace(weights=(batch.weights / self._weight_scale).astype(np.float32))
            targets = self._ridge_targets(batch.targets)
            if first:
                warn_unused(self, self._unused_parameters(self._pretrains(X)))
                seed = draw_seed(self.random_state)
                self.pretrainer_ = fit_pretrainer(self, self.pretrainer, X, seed)
                with seeded(seed, device):
                    signal_encoder = self._start(X)
                    built, used = self._frozen_features(signal_encoder, spectrograms=X.ndim == 4)
                    probe = self._probe_class(built, self._num_outputs, model_inputs(used, joined=used)).to(device)
                    self._accumulated = AccumulatedFeatures(probe, batch, targets, self.batch_size, device, seed)
            else:
                self._accumulated.to(device)
                self._accumulated.add(batch, targets)
            self._ensemble, self.n_iter_ = None, 0
        return self

    def _fit_to_sums(self) -> Ensemble:
        """Fit the linear models to the sums over all batches."""
        probe = copy.deepcopy(self._accumulated.probe)  # models with negligible weights are removed from the copy
        targets, weights = self._accumulated.targets, self._accumulated.weights
        if (classes := self._classes_of(targets)) is not None:  # the sums already contain the weights of the classes
            weights = weights / mean_weight_of_classes(weights, classes, self._num_outputs)[classes]
        self._fit_probe(probe, self._accumulated, targets, weights)
        remove_unused_features(probe)
        signal_encoder: Any = probe.features["embedding"].signal_encoder
        return self._join(signal_encoder, probe, None)
