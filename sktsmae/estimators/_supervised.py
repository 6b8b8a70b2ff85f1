"""The base class of the classifier and the regressor: an ensemble of a linear probe and a fine-tuned network."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from ..models import Encoder, Ensemble, FeatureContext, Features, LinearProbe, SignalClassifier, SignalEncoder
from ..models.checkpoints import read_safetensors, write_safetensors
from ..models.probe import ModelInput, applicable_features, build_features, model_inputs
from ..models.restore import restore
from ..models.to_jsonable import to_jsonable
from ..signals.batches import sample_batches
from ..signals.dask_signals import local_copy
from ..signals.device import resolve_device
from ..signals.map_batches import map_batches
from ..signals.validation import check_signals
from ..training.constraints import SAMPLING_RATE
from ..training.features import MANY_SAMPLES, FeaturesInMemory, TrainingFeatures, are_streamed, fits_in_memory
from ..training.labelled_samples import LabelledSamples
from ..training.progress_bar import progress_bar
from ..training.sample_weights import mean_one, mean_weight_of_classes
from ..training.seeds import draw_seed, seeded, unseeded
from ..training.streamed_features import StreamedFeatures
from ._base import EmbeddingMixin
from ._blockwise import blockwise
from ._docs import inherit_parameter_docs
from ._finetuning import FineTuning
from ._persistence import damaged_metadata, dump_estimator, params_of, restore_fitted
from ._pretrained import Pretrainer, fit_pretrainer
from ._rollback import rollback_on_error
from ._unused import warn_unused
from .pretrainer import MAEPretrainer


@inherit_parameter_docs
@dataclass(kw_only=True, eq=False, repr=False)
class MAESupervised(  # numpydoc ignore=PR02
    EmbeddingMixin, FineTuning
):
    """Predict targets by linear models on frozen features, a fine-tuned network, or an ensemble of both.

    A subclass defines how targets are encoded and how outputs are converted to predictions.

    Parameters
    ----------
    pretrainer : MAEPretrainer, FrozenEstimator, str, path-like or None, default=None
        Source of the encoder. With None, the linear models use no encoder, and `finetune` and `transform` use that of
        the package; ``FrozenEstimator(MAEPretrainer.from_pretrained())`` lets the linear models use it, too. It does
        not accept spectrograms; for these, None fits ``MAEPretrainer()``. A `MAEPretrainer` is cloned and fitted
        on all of X, labelled or not, so that GridSearchCV can vary its parameters. ``FrozenEstimator(fitted)`` uses the
        weights of a fitted pretrainer, also after `clone` and in GridSearchCV. A path names a file written by
        `MAEPretrainer.save`. ``"scratch"`` uses an untrained ``MAEPretrainer()``.
    probe : bool, default=True
        Whether to fit linear models on frozen features: a ridge regression on each of wavelet statistics, positions,
        competing kernels, shapelets and spectrum, one on statistics and competing kernels together, and if there are
        several channels, one on the statistics of each channel. All of them also use summary statistics of the
        channels; one more ridge regression uses only these. If `pretrainer` is set, another one uses the embedding of
        its encoder. For spectrograms, one ridge regression uses only the embedding.
        Each feature is standardised, limited to two standard deviations in classifiers, and accompanied by its absolute
        value (`models.PiecewiseLinear`). The outputs of the models are averaged with weights that are learned from
        leave-one-out predictions; models with negligible weights are dropped. All labelled samples are used. With more
        than 4,000 of them, channels have no models of their own, and one ridge regression uses all kinds of features,
        instead of only statistics and competing kernels. With more than 10,000 samples, or more than 4 * 10**8 values
        of features that are needed at once, the same holds, and the features are projected at random to 8,192 columns,
        only sums over the samples are kept in memory, and weights are learned from 5,000 leave-one-out predictions. The
        weight of a fine-tuned network is learned from a fraction `validation_fraction` of the samples, on which it is
        not trained.
    unlabeled : object, default=None
        Value of `y` that marks rows without a label or target, such as -1 or NaN. These rows are used only to pre-train
        the encoder and to learn thresholds. None means that all rows have a label or target.
    sampling_rate : float or None, default=None
        Sampling rate in Hz; figures then show Hz and seconds.
    """

    pretrainer: Pretrainer = None
    probe: bool = True
    unlabeled: Any = None
    sampling_rate: float | None = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **FineTuning._parameter_constraints,
        "pretrainer": [MAEPretrainer, FrozenEstimator, str, os.PathLike, None],
        "probe": ["boolean"],
        "unlabeled": [object],
        "sampling_rate": SAMPLING_RATE,
    }

    _kind: ClassVar[str]  # kind of the saved files
    _probe_class: ClassVar[type[LinearProbe]]

    @abstractmethod
    def _encode_targets(self, X: np.ndarray, y: Any, sample_weight: Any) -> LabelledSamples:
        """Return the samples with encoded targets, and set the attributes that decode targets."""

    @abstractmethod
    def _fit_probe(
        self, probe: LinearProbe, features: TrainingFeatures, targets: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        """Fit the linear models of a probe; return the leave-one-out outputs of `features.rows`."""

    @abstractmethod
    def _keep_loo(self, samples: LabelledSamples, loo: np.ndarray) -> None:
        """Set the attribute with the leave-one-out outputs (m, C) of the probe for the labelled samples."""

    @abstractmethod
    def _dump_targets(self) -> dict[str, Any]:
        """Return the attributes that decode targets, for the metadata of a file."""

    @abstractmethod
    def _restore_targets(self, metadata: dict[str, Any]) -> None:
        """Set the attributes that decode targets from the metadata of a file."""

    def set_params(self, **params: Any) -> Self:
        """Set parameters.

        Parameters
        ----------
        **params
            Names and values. The prefix ``pretrainer__`` sets a parameter of `pretrainer`.

        Returns
        -------
        Self
            The estimator itself.

        Raises
        ------
        ValueError
            If a parameter does not exist.
        """
        pretrainer = params.get("pretrainer", self.pretrainer)
        nested = [name for name in params if name.startswith("pretrainer__")]
        if nested and not hasattr(pretrainer, "get_params"):
            raise ValueError(
                f"{nested[0]}: pretrainer={pretrainer!r} has no parameters; give pretrainer=MAEPretrainer()."
            )
        return super().set_params(**params)

    @blockwise
    def transform(self, X: Any) -> np.ndarray:
        """Embed signals by the fine-tuned encoder, or by the frozen encoder if no network was fine-tuned.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Signals of the same shape as in `fit`, or spectrograms if `fit` was called with spectrograms.

        Returns
        -------
        ndarray of shape (n, M * D), float32
            The concatenated embeddings of the channels. D depends on `pooling` and `readout_layers` of the pretrainer.
            The result is a lazy Dask array if X is a Dask array.
        """
        X, device = self._ready(X)
        embedding = self.ensemble_.embedding.to(device)
        return map_batches(embedding, X, embedding.batch_size(self.batch_size, X.shape[-1]), device)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one safetensors file.

        Parameters
        ----------
        path : str or path-like
            The file; an existing file is replaced. Parameters that are objects (such as a RandomState), or that
            name files, devices or code (`callbacks`, `checkpoint_dir`, `device`, a `pretrainer` other than None and
            "scratch"), and the attribute `pretrainer_` are not written.
        """
        self._write(path, {})

    def _write(self, path: str | os.PathLike[str], extra: dict[str, Any]) -> None:
        """Write the fitted estimator, with more metadata of an estimator that contains it."""
        check_is_fitted(self)
        # Clones, because safetensors refuses shared tensors, and the network and the probe may share their encoder.
        state = {name: tensor.clone() for name, tensor in self.ensemble_.state_dict().items()}
        write_safetensors(path, state, {**self._metadata(), **extra})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Load a fitted estimator.

        Parameters
        ----------
        path : str or path-like
            A file that `save` wrote.

        Returns
        -------
        Self
            The estimator, ready to predict.

        Raises
        ------
        FileNotFoundError
            If the file does not exist.
        ValueError
            If the file is damaged, or was not written by this class.
        """
        state, metadata = read_safetensors(path, kind=cls._kind)
        with damaged_metadata(path):
            params, head = params_of(metadata["estimator"]), metadata["head"]
            if head is not None:
                params.setdefault("patch_drop_rate", 0.0)  # older files are of networks without patch dropout
            estimator = cls(**params)
            restore_fitted(estimator, metadata["estimator"])
            estimator._validate_params()
            estimator._restore_targets(metadata)
            estimator._settings, estimator._readout = metadata["settings"], dict(metadata["readout"])
            inputs = metadata["probe"]
            estimator._head = None if head is None else dict(head)
            network_weight = float(metadata.get("network_weight", 0.5))  # older files have none
            if not 0 <= network_weight <= 1:
                raise ValueError(f"network_weight={network_weight}")
            layer_counts = {"num_res_blocks": head["num_res_blocks"]} if head and head["head"] == "mlp" else {}
        settings = {**estimator._settings, **layer_counts}
        with unseeded():
            estimator._ensemble = restore(lambda: estimator._build_ensemble(inputs), settings, state, path)
        estimator.ensemble_.network_weight = network_weight
        return estimator

    @property
    def ensemble_(self) -> Ensemble:
        """The probe and the fine-tuned network, whose outputs are averaged.

        Returns
        -------
        Ensemble
            The ensemble.
        """
        check_is_fitted(self)
        assert self._ensemble is not None
        return self._ensemble

    @property
    def ensemble_weights_(self) -> dict[str, float]:
        """Weight of each model of the ensemble.

        Returns
        -------
        dict of str to float
            The weight of each linear model, by the name of its features (and its channel, if it uses a single one), and
            that of the fine-tuned network, by "network". The weights sum to 1.
        """
        check_is_fitted(self)
        return self.ensemble_.weight_of_models()

    @property
    def encoder_(self) -> Encoder:
        """The encoder that `transform` uses.

        Returns
        -------
        Encoder
            The encoder of the fine-tuned network, or the frozen encoder if no network was fine-tuned.
        """
        check_is_fitted(self)
        return self.ensemble_.embedding.signal_encoder.encoder

    @property
    def probe_(self) -> LinearProbe:
        """The linear models on frozen features.

        Returns
        -------
        LinearProbe
            A part of `ensemble_`.

        Raises
        ------
        AttributeError
            If the estimator was fitted with ``probe=False``.
        """
        check_is_fitted(self)
        if self.ensemble_.probe is None:
            raise AttributeError("probe_ does not exist after fitting with probe=False; fit with probe=True.")
        return self.ensemble_.probe

    @property
    def model_(self) -> SignalClassifier:
        """The fine-tuned network.

        Returns
        -------
        SignalClassifier
            A part of `ensemble_`.

        Raises
        ------
        AttributeError
            If the estimator was fitted with ``finetune="none"``.
        """
        check_is_fitted(self)
        if self.ensemble_.network is None:
            raise AttributeError("model_ does not exist after fitting with finetune='none'; fit with another value.")
        return self.ensemble_.network

    def __sklearn_is_fitted__(self) -> bool:
        return "_ensemble" in vars(self)

    @property
    def _n_features_out(self) -> int:
        return self.ensemble_.embedding.out_features

    def _networks(self) -> list[nn.Module]:
        ensemble = vars(self).get("_ensemble")
        return [] if ensemble is None else [ensemble]

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> Self:
        """Pre-train if `pretrainer` is unfitted, fine-tune the network, and fit the probe."""
        self._validate_params()
        self._check_configuration()
        with rollback_on_error(self), ExitStack() as stack:
            device = resolve_device(self.device)
            X = check_signals(self, X, reset=True, min_samples=2)
            samples = self._encode_targets(X, y, sample_weight)
            reads_once = self.finetune == "none" and are_streamed(int((samples.weights > 0).sum()))
            if not reads_once:
                X = stack.enter_context(local_copy(X))
            samples = samples._replace(X=X, weights=mean_one(samples.weights).astype(np.float32))
            warn_unused(self, self._unused_parameters(self._pretrains(X)))
            seed = draw_seed(self.random_state)
            self.pretrainer_ = fit_pretrainer(self, self.pretrainer, X, seed)
            with seeded(seed, device):
                signal_encoder = self._start(X)
                network, unseen = self._fine_tune(signal_encoder, samples, seed, device)
                probe, loo = self._fit_features_and_probe(signal_encoder, samples, seed, device)
                self._keep_loo(samples, loo)
                self._ensemble: Ensemble | None = self._join(signal_encoder, probe, network)
                if network is not None and probe is not None:
                    self.ensemble_.network_weight = self._network_weight(network, unseen, loo, samples, device)
                self._fit_thresholds(X, device)
            self.n_iter_ = len(self.history_)
        if network is not None:
            self.net_.raise_if_diverged()
        return self

    def _start(self, X: np.ndarray) -> SignalEncoder:
        """Return the frozen encoder of the pretrainer, and remove the results of an earlier fit."""
        embedding = self.pretrainer_._embedding(self.pretrainer_.model_)  # raises if thresholds are missing
        if not all(bool(weights.isfinite().all()) for weights in embedding.parameters()):
            raise ValueError(f"pretrainer={self.pretrainer!r}: the encoder has weights that are not finite.")
        self._readout = {"pooling": embedding.pooling, "layers": to_jsonable(embedding.layers)}
        self._head = None
        self.history_: list[dict[str, float]] = []
        for name in ("net_", "_accumulated", "reading_rules_"):
            self.__dict__.pop(name, None)
        signal_encoder, self._settings = self.pretrainer_._signal_encoder_for(X)
        return signal_encoder

    def _pretrains(self, X: np.ndarray) -> bool:
        """Return whether `fit` trains the encoder without labels."""
        return isinstance(self.pretrainer, MAEPretrainer) or (self.pretrainer is None and X.ndim == 4)

    def _check_configuration(self) -> None:
        """Raise if parameters contradict each other."""
        self._check_fine_tuning()
        if not self.probe and self.finetune == "none":
            raise ValueError("probe=False and finetune='none' leave no model that predicts; change one of them.")
        if isinstance(self.pretrainer, MAEPretrainer):  # before pre-training, which may take hours
            self._require_blocks(self.pretrainer.depth)

    def _fit_features_and_probe(
        self, signal_encoder: SignalEncoder, samples: LabelledSamples, seed: int, device: torch.device
    ) -> tuple[LinearProbe | None, np.ndarray]:
        """Fit features on all samples and linear models on the labelled ones; return None if probe is False.

        Also return leave-one-out outputs (m, C) for the labelled samples, NaN for samples that were not used.
        """
        loo = np.full((len(samples.rows), self._num_outputs), np.nan)
        if not self.probe:
            return None, loo
        built, used = self._frozen_features(signal_encoder, spectrograms=samples.X.ndim == 4)
        weighted = np.flatnonzero(samples.weights > 0)
        rows, targets, weights = samples.rows[weighted], samples.targets[weighted], samples.weights[weighted]
        classes = self._classes_of(targets)
        strata = np.zeros(len(targets), dtype=int) if classes is None else classes
        balanced = weights / mean_weight_of_classes(weights, strata, strata.max() + 1)[strata]
        channels = signal_encoder.num_channels(self.input_shape_)
        in_memory = fits_in_memory(used.values(), len(rows))
        many = len(rows) > MANY_SAMPLES or not in_memory
        inputs = model_inputs(used, joined=used) if many else model_inputs(used, channels)
        probe = self._probe_class(built, self._num_outputs, inputs).to(device)
        steps, unit = (len(used), "step") if in_memory else (len(rows), "sample")
        with progress_bar(f"{type(self).__name__}, linear models", steps, unit, self.verbose) as bar:
            arguments = probe, samples.X, rows, balanced, self.batch_size, device, bar.update
            features = FeaturesInMemory(*arguments) if in_memory else StreamedFeatures(*arguments, strata, seed)
            loo[weighted[features.rows]] = self._fit_probe(probe, features, targets, weights)
            remove_unused_features(probe)
            mixture = probe.weight_of_models()
            largest = sorted(mixture, key=lambda name: -mixture[name])[:4]  # more do not fit into a line
            bar.set_postfix({name: f"{mixture[name]:.2f}" for name in largest})
        return probe, loo

    def _frozen_features(
        self, signal_encoder: SignalEncoder, spectrograms: bool
    ) -> tuple[dict[str, Features], dict[str, Features]]:
        """Return all kinds of features, and those of them that linear models use.

        Beside the other kinds, the embedding of the encoder in the package hardly changes the predictions, but accounts
        for half of their time (`tests/benchmarks/ensemble.md`). Therefore it is only used on request. No other kind
        accepts spectrograms.
        """
        kinds = applicable_features(spectrograms=spectrograms)
        built = self._build_features(signal_encoder, kinds, self.pretrainer_.thresholds_)
        uses_encoder = self.pretrainer is not None or spectrograms
        return built, {name: kind for name, kind in built.items() if uses_encoder or not kind.needs_encoder}

    def _fit_thresholds(self, X: np.ndarray, device: torch.device) -> None:
        """Learn thresholds for the tokens of the fine-tuned encoder, which differ from the pretrainer's tokens."""
        if self.ensemble_.network is None or self._readout["pooling"] != "bands":
            return
        embedding = self.ensemble_.to(device).embedding
        batch_size = embedding.batch_size(self.batch_size, X.shape[-1])
        batches, _ = sample_batches(X, embedding.max_threshold_signals(), batch_size, device)
        with torch.inference_mode():
            self.ensemble_.fit_thresholds(batches)

    def _build_ensemble(self, inputs: Sequence[ModelInput] | None) -> Ensemble:
        """Build the ensemble of a file with random weights. If `inputs` is None, the ensemble has no probe."""
        frozen, tuned = (SignalEncoder.from_settings(**self._settings) for _ in range(2))
        probe = None
        if inputs is not None:
            used = dict.fromkeys(chain.from_iterable(kinds for kinds, _ in inputs))
            features = self._build_features(frozen, {**used, "embedding": None})  # `transform` needs the embedding
            probe = self._probe_class(features, self._num_outputs, inputs)
        network = None if self._head is None else SignalClassifier(tuned, self._build_head(tuned), self.patch_drop_rate)
        return self._join(frozen, probe, network)

    def _join(
        self, signal_encoder: SignalEncoder, probe: LinearProbe | None, network: SignalClassifier | None
    ) -> Ensemble:
        channels = signal_encoder.num_channels(self.input_shape_)
        return Ensemble(probe, network, self._output, **self._readout, n_channels=channels).eval()

    def _build_features(
        self, signal_encoder: SignalEncoder, names: Iterable[str], thresholds: Tensor | None = None
    ) -> dict[str, Features]:
        context = FeatureContext(
            n_channels=signal_encoder.num_channels(self.input_shape_),
            n_timepoints=self.input_shape_[-1],
            signal_encoder=signal_encoder,
            thresholds=thresholds,
            **self._readout,
        )
        return build_features(context, names)

    def _metadata(self) -> dict[str, Any]:
        """Return the metadata that is saved with the weights."""
        return {
            "kind": self._kind,
            "settings": self._settings,
            "head": self._head,
            "probe": None if self.ensemble_.probe is None else self.ensemble_.probe.inputs,
            "readout": self._readout,
            "network_weight": self.ensemble_.network_weight,
            **self._dump_targets(),
            "estimator": dump_estimator(self),
        }

    def _map(self, function: Callable[[Tensor], Tensor], X: Any) -> np.ndarray:
        """Apply a function to batches of X, with the batch size of the ensemble."""
        X, device = self._ready(X)
        return map_batches(function, X, self.ensemble_.batch_size(self.batch_size, X.shape[-1]), device)


def remove_unused_features(probe: LinearProbe) -> None:
    """Remove the kinds of features that no model of a probe uses.

    Parameters
    ----------
    probe : LinearProbe
        The probe, changed in place.
    """
    for name in set(probe.features).difference(probe.used_kinds, ["embedding"]):  # `transform` needs the embedding
        del probe.features[name]
