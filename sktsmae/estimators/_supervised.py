"""What the classifier and the regressor share: features of an encoder, a probe on them, and fine-tuning."""

from __future__ import annotations

import copy
import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Tags, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, assert_all_finite, check_consistent_length, check_is_fitted
from torch import Tensor, nn

from ..layers.lora import inject_lora, merge_lora
from ..models import (
    Encoder,
    LatentReasoningHead,
    LinearProbe,
    MultichannelHead,
    Readout,
    ResidualMLPHead,
    Scalogram,
    SignalClassifier,
    SignalSummary,
    WaveletStatistics,
)
from ..models.checkpoints import read_safetensors, restore, to_jsonable, write_safetensors
from ..models.classifier import encoder_settings, load_encoder
from ..models.encoder import build_encoder
from ._batches import SignalDataset, map_batches
from ._callbacks import CallbackSupportMixin, history_rows, tasks_of_fit, tqdm
from ._checkpoints import checkpoint_folder
from ._networks import map_sequences, num_channels, require_views
from ._persistence import NetworkMixin, damaged_description, dump_estimator, params_of, restore_fitted
from ._probe import choose_samples
from ._seeds import draw_seed, seeded
from ._statistics import apply_statistics, learn_thresholds, most_signals
from ._training import TRAINING_CONSTRAINTS, hold_out, train
from ._validation import (
    NON_NEGATIVE_INT,
    POSITIVE_INT,
    SAMPLING_RATE,
    SHARE,
    check_signals,
    resolve_device,
    rollback_on_error,
)
from .pretrainer import MAEPretrainer

_HEAD_PARAMETERS = ("head", "num_reasoning_tokens", "num_res_blocks", "hidden_dim", "dropout")


class MAESupervised(
    CallbackSupportMixin, NetworkMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, ABC
):
    """Learns targets from an encoder's features; what it says of a signal is the mean of its members: probe, network.

    A subclass names its parameters, and says what targets are, what is learned of them and what comes of the members.
    """

    model_: SignalClassifier
    probe_: LinearProbe

    _kind: ClassVar[str]  # of its files
    _probe_of: ClassVar[type[LinearProbe]]
    _frozen: tuple[Scalogram, Encoder]
    _readout: dict[str, Any] | None
    _head: dict[str, Any] | None

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's name and form
        "pretrainer": [MAEPretrainer, FrozenEstimator, str, os.PathLike, None],
        "probe": ["boolean"],
        "finetune": [StrOptions({"none", "full", "head", "lora"}), POSITIVE_INT],
        "head": [StrOptions({"reasoning", "mlp"})],
        "num_reasoning_tokens": [POSITIVE_INT],
        "num_res_blocks": [NON_NEGATIVE_INT],
        "hidden_dim": [POSITIVE_INT],
        "dropout": [SHARE],
        "layer_decay": [Interval(Real, 0, 1, closed="right")],
        "unlabeled": [object],
        "sampling_rate": SAMPLING_RATE,
        **TRAINING_CONSTRAINTS,
    }

    @property
    @abstractmethod
    def _num_outputs(self) -> int:
        """Numbers that a member says of a signal."""

    @abstractmethod
    def _check_targets(self, X: np.ndarray, y: Any, sample_weight: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the rows to learn from, what is learned of each, and their weights, of mean 1; set what y says."""

    @abstractmethod
    def _groups(self, targets: np.ndarray) -> np.ndarray:
        """Return of which group each target is, of which the same share is drawn."""

    @abstractmethod
    def _criterion(self) -> tuple[type[nn.Module], dict[str, Any]]:
        """Return the loss of outputs and targets with weights, and its settings."""

    @abstractmethod
    def _fit_linear(self, features: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> None:
        """Fit the probe's linear models."""

    @abstractmethod
    def _describe_targets(self) -> dict[str, Any]:
        """Return what a file says of the targets."""

    @abstractmethod
    def _restore_targets(self, metadata: dict[str, Any]) -> None:
        """Set what `_describe_targets` said."""

    def _strata(self, targets: np.ndarray) -> np.ndarray | None:
        """Return what is held out in proportion; None for nothing."""
        return None

    def set_params(self, **params: Any) -> MAESupervised:
        """Set parameters, as every estimator of scikit-learn.

        Parameters
        ----------
        **params
            Names and values; ``pretrainer__`` before a name for a parameter of `pretrainer`.

        Returns
        -------
        MAESupervised
            Itself.

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        pretrainer = params.get("pretrainer", self.pretrainer)
        nested = [name for name in params if name.startswith("pretrainer__")]
        if nested and not hasattr(pretrainer, "get_params"):
            raise ValueError(
                f"{nested[0]}: pretrainer={pretrainer!r} has no parameters; give pretrainer=MAEPretrainer()."
            )
        return super().set_params(**params)

    def transform(self, X: Any) -> np.ndarray:
        """Embed signals by the encoder, fine-tuned where it was.

        Parameters
        ----------
        X : array-like of shape (n, T), (n, M, T) or (n, M * V, S, T)
            Samples of the size seen in `fit`.

        Returns
        -------
        ndarray of shape (n, M * embed_dim), float32
            The mean of the tokens of each channel, side by side.
        """
        X, device = self._ready(X)
        return map_sequences(Readout(*self._embedder()), self.encoder_, X, self.batch_size, device)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one safetensors file.

        Parameters
        ----------
        path : str or path-like
            The file, replaced if it is there. Parameters that are objects (`callbacks`, a RandomState, a `pretrainer`
            that is an estimator) are left out, as is `pretrainer_`.
        """
        check_is_fitted(self)
        # Copies, since the network's encoder may be the probe's.
        state = {name: tensor.clone() for name, tensor in self._members().state_dict().items()}
        write_safetensors(path, state, self._describe())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a fitted estimator.

        Parameters
        ----------
        path : str or path-like
            A file by `save`.

        Returns
        -------
        Self
            The estimator, ready to predict.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is truncated or not one of these.
        """
        state, metadata = read_safetensors(path, kind=cls._kind)
        with damaged_description(path):
            estimator = cls(**params_of(metadata["estimator"]))
            restore_fitted(estimator, metadata["estimator"])
            estimator._validate_params()
            estimator._restore_targets(metadata)
            estimator._settings = metadata["settings"]
            estimator._head, estimator._readout = metadata["head"], metadata["readout"]
            head = estimator._head or {}
            repeated = {"num_res_blocks": head["num_res_blocks"]} if head.get("head") == "mlp" else {}
        restore(estimator._build_members, {**estimator._settings, **repeated}, state, path)
        return estimator

    @property
    def encoder_(self) -> Encoder:
        """The fine-tuned network's encoder, or else the frozen one.

        Returns
        -------
        Encoder
            A part of `model_`, or of `pretrainer_`.
        """
        check_is_fitted(self)
        return self._embedder()[1]

    @property
    def _n_features_out(self) -> int:
        return num_channels(self.input_shape_, self.encoder_) * self.encoder_.embed_dim

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> None:
        """Pre-train where that is asked for, fine-tune where that is, and fit the probe."""
        self._validate_params()
        with tasks_of_fit(self), rollback_on_error(self):
            device = resolve_device(self.device)
            X = check_signals(self, X, reset=True, min_samples=2)
            rows, targets, weights = self._check_targets(X, y, sample_weight)
            seed = draw_seed(self.random_state)
            if not self.probe and self.finetune == "none":
                raise ValueError("probe=False and finetune='none' leave nothing to decide by; choose one of them.")
            if isinstance(self.finetune, bool):
                raise ValueError(f"finetune={self.finetune}: give 'none', 'full', 'head', 'lora' or how many blocks.")
            if isinstance(self.pretrainer, MAEPretrainer):  # before hours of pre-training
                _require_blocks(self.finetune, self.pretrainer.depth)
            self.pretrainer_ = self._fit_pretrainer(X, seed)
            for name in ("probe_", "model_", "net_"):  # of an earlier fit
                self.__dict__.pop(name, None)
            self._readout = self._head = None
            diverged = None
            with seeded(seed, device):
                self._frozen, self._settings = self._build_encoder(X)
                if self.finetune != "none":
                    parts = hold_out(self, len(rows), seed, self._strata(targets))
                    tensors = (torch.from_numpy(targets), torch.from_numpy(weights))
                    diverged = self._fine_tune(X, rows, tensors, parts, device)
                if self.probe:
                    self._fit_probe(X, rows, targets, weights, seed, device)
            self._members().eval()
            self.history_ = history_rows(self.net_) if self.finetune != "none" else []
            self.n_iter_ = len(self.history_)
        if diverged is not None:
            raise diverged

    def _labelled(self, X: np.ndarray, y: Any, sample_weight: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the rows with a label and a weight, their labels and their weights."""
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        y, is_labelled = _read_labels(y, self.unlabeled)
        check_consistent_length(X, y)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        rows = np.flatnonzero(is_labelled & (weights > 0))
        if y.dtype.kind == "f":
            assert_all_finite(y[rows], input_name="y")
        if len(rows) == 0:
            raise ValueError(
                f"no row of y has both a label (unlabeled={self.unlabeled!r}) and a positive sample_weight; give some."
            )
        return rows, y[rows], weights[rows]

    def _describe(self) -> dict[str, Any]:
        """Return what a file says beside the weights."""
        return {
            "kind": self._kind,
            "settings": self._settings,
            "head": self._head,
            "readout": self._readout,
            **self._describe_targets(),
            "estimator": dump_estimator(self),
        }

    def _decide(self, function: Callable[[Tensor], Tensor], X: Any) -> np.ndarray:
        """Apply what the members are asked, (b, ...) -> (b, ...), to signals."""
        X, device = self._ready(X)
        return map_sequences(function, self.encoder_, X, self._batch_size(X), device)

    def _batch_size(self, X: np.ndarray) -> int:
        """Return how many sequences are decided on at a time."""
        batch_size = self.batch_size
        for features in self.probe_.features.values() if hasattr(self, "probe_") else ():
            if isinstance(features, WaveletStatistics):
                channels = num_channels(self.input_shape_, self.encoder_)
                batch_size = min(batch_size, channels * most_signals(features, X))
        return batch_size

    def _embedder(self) -> tuple[Scalogram, Encoder]:
        return (self.model_.scalogram, self.model_.encoder) if hasattr(self, "model_") else self._frozen

    def _build_members(self) -> nn.ModuleDict:
        """Build all that decides, by what a file says."""
        if self._readout is not None:
            self._frozen = build_encoder(**self._settings)
            self.probe_ = self._build_probe(self._readout)
        if self._head is not None:
            scalogram, encoder = build_encoder(**self._settings)
            self.model_ = SignalClassifier(scalogram, encoder, self._build_head(encoder, self._head))
        return self._members()

    def _members(self) -> nn.ModuleDict:
        """Return all that decides."""
        members = {"probe": "probe_", "network": "model_"}
        return nn.ModuleDict({name: getattr(self, own) for name, own in members.items() if hasattr(self, own)})

    def _networks(self) -> list[nn.Module]:
        return list(self._members().values())

    def _fit_pretrainer(self, X: np.ndarray, seed: int) -> MAEPretrainer:
        """Return the fitted pretrainer that `pretrainer` stands for."""
        given = self.pretrainer
        if isinstance(given, FrozenEstimator):
            if not isinstance(given.estimator, MAEPretrainer):
                raise ValueError(f"pretrainer={given!r}: the frozen estimator must be a MAEPretrainer.")
            check_is_fitted(given.estimator)
            return given.estimator
        common: dict[str, Any] = {"device": self.device, "precision": self.precision, "verbose": self.verbose}
        if given is None and X.ndim < 4:
            return MAEPretrainer.from_pretrained()
        if given is None:
            pretrainer = MAEPretrainer(**common)
        elif isinstance(given, MAEPretrainer):
            if hasattr(given, "model_"):
                warnings.warn(
                    "pretrainer is fitted already and is fitted again on X; give FrozenEstimator(pretrainer) to keep "
                    "its weights.",
                    UserWarning,
                    stacklevel=3,
                )
            pretrainer = clone(given)
        elif given == "scratch":
            pretrainer = MAEPretrainer(max_epochs=0, **common)
        else:
            if not os.path.exists(given):
                raise FileNotFoundError(
                    f"pretrainer={given!r}: no such file; give the path of a file by MAEPretrainer.save, or 'scratch'."
                )
            return MAEPretrainer.load(given)
        if pretrainer.random_state is None:
            pretrainer.set_params(random_state=seed)
        folder = checkpoint_folder(self)
        if pretrainer.checkpoint_dir is None and folder is not None:
            pretrainer.set_params(checkpoint_dir=folder / "pretraining")
        return pretrainer.fit(X)

    def _build_encoder(self, X: np.ndarray) -> tuple[tuple[Scalogram, Encoder], dict[str, Any]]:
        """Return the pretrainer's scalogram and encoder, or a copy for the length of X; and their settings."""
        source = self.pretrainer_.model_
        if len(self.pretrainer_.input_shape_) == 3 and X.ndim < 4:
            raise ValueError(
                "X holds signals, but pretrainer was fitted on spectrograms, whose scales it does not know; give "
                "spectrograms of the same scales."
            )
        settings = encoder_settings(source.settings)
        _, num_scales, _ = source.encoder.image_size
        if X.ndim == 4:
            require_views(X, source.scalogram.num_views)
            if X.shape[2] != num_scales or settings["resample"]:
                raise ValueError(
                    f"X is a spectrogram of {X.shape[2]} scales, but pretrainer was fitted on "
                    f"{'signals of any length' if settings['resample'] else num_scales}; give what it was fitted on."
                )
        if settings["resample"] or settings["signal_len"] == X.shape[-1]:
            return (source.scalogram, source.encoder), settings
        settings |= {"signal_len": X.shape[-1]}
        scalogram, encoder = build_encoder(**settings)
        load_encoder(encoder, source.state_dict(), "pretrainer")
        return (scalogram, encoder), settings

    def _fit_probe(
        self, X: np.ndarray, rows: np.ndarray, targets: np.ndarray, weights: np.ndarray, seed: int, device: torch.device
    ) -> None:
        """Fit the linear models on frozen features of the labelled rows."""
        self.pretrainer_._readout(self.pretrainer_.model_)  # refuses a network without thresholds
        self._readout = {"pooling": self.pretrainer_.pooling, "layers": to_jsonable(self.pretrainer_.readout_layers)}
        self.probe_ = self._build_probe(self._readout, self.pretrainer_.thresholds_).to(device)
        chosen = choose_samples(self._groups(targets), self.probe_.num_features, seed)
        parts = []
        title = f"{type(self).__name__}, linear models"
        with tqdm(total=1 + len(self.probe_.features), desc=title, unit="step", disable=not self.verbose) as bar:
            for features in self.probe_.features.values():
                if isinstance(features, WaveletStatistics):
                    learn_thresholds(features, X, device)
                    parts.append(apply_statistics(features, X, device, rows[chosen]))
                elif isinstance(features, SignalSummary):
                    parts.append(map_batches(features, X, self.batch_size, device, rows[chosen]))
                else:
                    parts.append(map_sequences(features, self._frozen[1], X, self.batch_size, device, rows[chosen]))
                bar.update()
            self._fit_linear(np.concatenate(parts, axis=1), targets[chosen], weights[chosen])
            bar.update()

    def _build_probe(self, settings: dict[str, Any], thresholds: Tensor | None = None) -> LinearProbe:
        readout = Readout(*self._frozen, **settings, thresholds=thresholds)
        channels = num_channels(self.input_shape_, readout.encoder)
        features: dict[str, nn.Module] = {"embedding": readout}
        sizes = {"embedding": channels * readout.out_features}
        if len(self.input_shape_) < 3:  # a spectrogram's rows may be standardised already
            summary, statistics = SignalSummary(channels), WaveletStatistics(channels, self.input_shape_[-1])
            features = {"summary": summary, "statistics": statistics, **features}
            sizes |= {"summary": summary.out_features, "statistics": statistics.out_features}
        return self._probe_of(features, sizes, self._num_outputs)

    def _fine_tune(
        self,
        X: np.ndarray,
        rows: np.ndarray,
        targets: tuple[Tensor, Tensor],
        parts: tuple[np.ndarray, np.ndarray],
        device: torch.device,
    ) -> FloatingPointError | None:
        """Train a network, or its head, on some of the labelled rows, and hold out the others."""
        self._head = {name: getattr(self, name) for name in _HEAD_PARAMETERS}
        scalogram, encoder = self._frozen
        if self.finetune != "head":
            encoder = copy.deepcopy(encoder).requires_grad_(True)  # the pretrainer's may be frozen
        self.model_ = SignalClassifier(scalogram, encoder, self._build_head(encoder, self._head))
        module: nn.Module = self.model_
        if self.finetune == "head":
            module, X = self.model_.head, self._tokens(X, rows, device)
            rows = np.arange(len(rows))
        elif self.finetune == "lora":
            encoder.requires_grad_(False)
            inject_lora(encoder.blocks)
        elif not isinstance(self.finetune, str):
            _freeze_below(encoder, self.finetune)
        train_set, valid_set = (
            SignalDataset(X, rows[part], tuple(target[part] for target in targets)) for part in parts
        )
        criterion, settings = self._criterion()
        self.net_, diverged = train(
            self,
            module,
            criterion,
            train_set,
            valid_set,
            device,
            layer_decay=self.layer_decay,
            **settings,
        )
        if self.finetune != "head":
            merge_lora(encoder)
        return diverged

    def _build_head(self, encoder: Encoder, settings: dict[str, Any]) -> nn.Module:
        sizes = (encoder.embed_dim, self._num_outputs)
        kind, tokens, blocks, hidden_dim, dropout = (settings[name] for name in _HEAD_PARAMETERS)
        head: nn.Module
        if kind == "reasoning":
            head = LatentReasoningHead(*sizes, encoder.num_heads, tokens, dropout)
        else:
            head = ResidualMLPHead(*sizes, blocks, hidden_dim, dropout)
        channels = num_channels(self.input_shape_, encoder)
        return head if channels == 1 else MultichannelHead(head, channels, encoder.embed_dim)

    def _tokens(self, X: np.ndarray, rows: np.ndarray, device: torch.device) -> np.ndarray:
        """Return the patch tokens of some rows, (m, M * N, D)."""
        model = self.model_.to(device)
        return map_sequences(model.tokens, model.encoder, X, self.batch_size, device, rows)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _freeze_below(encoder: Encoder, count: int) -> None:
    """Leave only the encoder's last blocks and what is above them trainable."""
    _require_blocks(count, len(encoder.blocks))
    encoder.requires_grad_(False)
    for part in (*encoder.blocks[-count:], encoder.norm):
        part.requires_grad_(True)


def _require_blocks(finetune: Any, depth: int) -> None:
    if not isinstance(finetune, str) and finetune > depth:
        raise ValueError(f"finetune={finetune}, but the encoder has {depth} blocks; give so many at most, or 'full'.")


def _read_labels(y: Any, mark: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return y as an array, and which rows have a label: those without the mark."""
    if mark is None:
        y = column_or_1d(y, warn=True)
        return y, np.ones(len(y), dtype=bool)
    if not isinstance(y, (list, tuple)):
        y = column_or_1d(y, warn=True)
        if y.dtype.kind == "U" and not isinstance(mark, str) and str(mark) in y:
            raise ValueError(f"y is text and unlabeled={mark!r} is not; give unlabeled={str(mark)!r}.")
        if y.dtype.kind in "biuf" and isinstance(mark, str):
            raise ValueError(f"y is numbers and unlabeled={mark!r} is text; give the number that marks rows.")
        return y, np.array([not _is_same(label, mark) for label in y.tolist()], dtype=bool)
    # In a list the mark may have another type; made an array together, one would take on the other's.
    labelled = np.array([not _is_same(label, mark) for label in y], dtype=bool)
    known = column_or_1d([label for label, is_known in zip(y, labelled, strict=True) if is_known])
    labels = np.zeros(len(y), dtype=known.dtype)
    labels[labelled] = known
    return labels, labelled


def _is_same(label: Any, mark: Any) -> bool:
    """Compare a label with the mark of unlabelled rows; NaN is the same as NaN."""
    if label is mark:
        return True
    try:
        return bool(label == mark) or bool(label != label and mark != mark)
    except TypeError:  # pandas' NA cannot say whether it equals anything
        return False
