"""Fine-tuning of a network: its parameters, and the methods that train it and learn its weight in an ensemble."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils._param_validation import StrOptions
from torch import nn

from ..layers.lora import inject_lora, merge_lora
from ..models import HEADS, SignalClassifier, SignalEncoder
from ..models.heads import build_head
from ..signals.map_batches import map_batches
from ..training.constraints import FRACTION, NON_NEGATIVE_INT, POSITIVE_FRACTION, POSITIVE_INT
from ..training.freezing import freeze_below
from ..training.history import history_rows
from ..training.holdout import hold_out
from ..training.labelled_samples import LabelledSamples
from ..training.loop import train
from ..training.net import Net
from ..training.parameters import TrainingParameters
from ._unused import LOOP_PARAMETERS, STOPPING_PARAMETERS

# Mean of the prior of the weight of a fine-tuned network, which the linear models usually outperform if there are few
# labels (`tests/benchmarks/learning.md`).
NETWORK_PRIOR_WEIGHT = 0.1
# With ``max_epochs="auto"``, fine-tuning ends after the epoch in which it makes step `MAX_STEPS`, or after `MAX_EPOCHS`
# (`tests/benchmarks/finetuning.md`).
MAX_STEPS, MAX_EPOCHS = 600, 60


@dataclass(kw_only=True, eq=False, repr=False)
class FineTuningParameters(TrainingParameters):  # numpydoc ignore=PR02
    """The parameters of fine-tuning, as a base class of estimators.

    Parameters
    ----------
    finetune : {"none", "full", "head", "lora"} or int, default="none"
        What to fine-tune. "none" fine-tunes nothing; "full" fine-tunes the encoder and a head. "head" fine-tunes only a
        head; the tokens of the frozen encoder are computed once and kept in memory (4 * M * N * embed_dim bytes per
        signal of M channels with N patches each). "lora" fine-tunes a head and rank-8 updates of the matrices in the
        blocks of the encoder, and merges the updates into the matrices (E. J. Hu et al., "LoRA", ICLR 2022). An int n
        fine-tunes a head and the last n blocks. ``probe=False, finetune="full", patch_drop_rate=0`` is the design of
        CWT-MAE-RoPE (github.com/Dryilv/Wearable-Foundation-Model).
    head : {"reasoning", "mlp"}, default="reasoning"
        Head of the network, a key of `models.HEADS`. "reasoning" has learned reasoning tokens that attend to all patch
        tokens; "mlp" is a residual multi-layer perceptron on the mean of the patch tokens.
    num_reasoning_tokens : int, default=8
        Number of tokens of the reasoning head.
    num_res_blocks, hidden_dim : int, default=2 and 128
        Number of residual blocks and hidden size of the MLP head.
    dropout : float, default=0.1
        Dropout of the head.
    patch_drop_rate : float, default=0.5
        Fraction of the patches of a signal that are dropped at random in each step of fine-tuning (Y. Liu et al.,
        "PatchDropout", WACV 2023), which makes the step faster.
    layer_decay : float, default=0.75
        Layer-wise learning rate decay: the learning rate of a block of the encoder is this factor times that of the
        next block.
    max_epochs : "auto" or int, default="auto"
        Number of passes over the labelled samples; 0 leaves the initial weights unchanged. "auto" is the number of
        passes that make 600 steps, at most 60.
    """

    finetune: str | int = "none"
    head: str = "reasoning"
    num_reasoning_tokens: int = 8
    num_res_blocks: int = 2
    hidden_dim: int = 128
    dropout: float = 0.1
    patch_drop_rate: float = 0.5
    layer_decay: float = 0.75

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **TrainingParameters._parameter_constraints,
        "finetune": [StrOptions({"none", "full", "head", "lora"}), POSITIVE_INT],
        "head": [str],
        "num_reasoning_tokens": [POSITIVE_INT],
        "num_res_blocks": [NON_NEGATIVE_INT],
        "hidden_dim": [POSITIVE_INT],
        "dropout": [FRACTION],
        "patch_drop_rate": [FRACTION],
        "layer_decay": [POSITIVE_FRACTION],
    }


class FineTuning(FineTuningParameters, ABC):
    """The part of an estimator that fine-tunes an encoder with a head on labelled samples."""

    probe: bool
    _head: dict[str, Any] | None  # name and settings of the head
    input_shape_: tuple[int, ...]
    pretrainer_: Any

    @property
    @abstractmethod
    def _num_outputs(self) -> int:
        """Number of outputs C of each member of the ensemble."""

    @property
    @abstractmethod
    def _output(self) -> nn.Module:
        """Module that is applied to the outputs of each member of the ensemble."""

    @abstractmethod
    def _classes_of(self, targets: np.ndarray) -> np.ndarray | None:
        """Return the class of each target for stratified splits; None if there are no classes."""

    @abstractmethod
    def _criterion(self) -> nn.Module:
        """Return the loss, a module that is called with the outputs and (targets, weights)."""

    @abstractmethod
    def _weigh(
        self, outputs: np.ndarray, targets: np.ndarray, weights: np.ndarray, prior_weights: Sequence[float]
    ) -> np.ndarray:
        """Return mixture weights (K,) of the members of an ensemble from their outputs (K, n, C) on unseen samples."""

    def _check_fine_tuning(self) -> None:
        """Raise if `head` or `finetune` is invalid."""
        if self.head not in HEADS:
            raise ValueError(f"head={self.head!r}: choose one of {', '.join(map(repr, HEADS))}.")
        if isinstance(self.finetune, bool):
            raise ValueError(f"finetune={self.finetune}: give 'none', 'full', 'head', 'lora' or a number of blocks.")

    def _require_blocks(self, depth: int) -> None:
        """Raise if more blocks are to be fine-tuned than an encoder of this depth has."""
        if not isinstance(self.finetune, str) and self.finetune > depth:
            raise ValueError(
                f"finetune={self.finetune}, but the encoder has {depth} blocks; it must be at most {depth}, or 'full'."
            )

    def _unused_parameters(self, pretrains: bool) -> dict[str, Sequence[str]]:
        """Return the names of the unused parameters, keyed by "reason: remedy" for `warn_unused`.

        `pretrains` says whether `fit` trains the encoder without labels.
        """
        head_settings = {name for head in HEADS.values() for name in head.setting_names}
        if self.finetune == "none":
            used = {"precision", "checkpoint_dir"} if pretrains else set()  # by pre-training
            loop = [name for name in ("max_epochs", *LOOP_PARAMETERS) if name not in used]
            names = ["head", *sorted(head_settings), "layer_decay", "patch_drop_rate", *loop, *STOPPING_PARAMETERS]
            return {"finetune='none': choose another value of finetune": names}
        unused: dict[str, Sequence[str]] = {}
        of_other_heads = sorted(head_settings - set(HEADS[self.head].setting_names))
        unused[f"head={self.head!r}: choose another head"] = of_other_heads
        if self.finetune == "head":
            unused["finetune='head': fine-tune blocks of the encoder"] = ["layer_decay", "patch_drop_rate"]
        if not self.early_stopping:
            used = {"validation_fraction"} if self.probe else set()
            names = [name for name in STOPPING_PARAMETERS if name not in used]
            unused["early_stopping=False: set early_stopping=True"] = names
        return unused

    def _fine_tune(
        self, signal_encoder: SignalEncoder, samples: LabelledSamples, seed: int, device: torch.device
    ) -> tuple[SignalClassifier | None, np.ndarray]:
        """Train a network or only its head; return it, or None if finetune is "none", and the samples held out."""
        if self.finetune == "none":
            return None, np.arange(0)
        self._require_blocks(len(signal_encoder.encoder.blocks))
        self._head = {name: getattr(self, name) for name in ("head", *HEADS[self.head].setting_names)}
        if self.finetune != "head":
            signal_encoder = copy.deepcopy(signal_encoder).requires_grad_(True)  # that of the pretrainer may be frozen
        network = SignalClassifier(signal_encoder, self._build_head(signal_encoder), self.patch_drop_rate)
        trained: nn.Module = network
        if self.finetune == "head":
            trained, samples = network.head, self._encode(network, samples, device)
        elif self.finetune == "lora":
            signal_encoder.encoder.requires_grad_(False)
            inject_lora(signal_encoder.encoder.blocks)
            inject_lora(signal_encoder.encoder.mixing)
        elif not isinstance(self.finetune, str):
            freeze_below(signal_encoder, self.finetune)
        classes = self._classes_of(samples.targets)
        seen, unseen = hold_out(self, len(samples.rows), seed, classes, if_possible=self.probe)
        train_set, valid_set = samples.dataset(seen), samples.dataset(unseen if self.early_stopping else unseen[:0])
        self.net_: Net = train(
            self,
            trained,
            self._criterion(),
            train_set,
            valid_set,
            device,
            max_epochs=self._num_epochs(len(train_set)),
            layer_decay=self.layer_decay,
            start=self.pretrainer_.model_,
        )
        self.history_ = history_rows(self.net_)
        if self.finetune != "head":
            merge_lora(signal_encoder.encoder)  # unfreezes all parameters, also without LoRA
        return network, unseen

    def _num_epochs(self, num_samples: int) -> int:
        if not isinstance(self.max_epochs, str):
            return self.max_epochs
        return min(MAX_EPOCHS, math.ceil(MAX_STEPS / math.ceil(num_samples / self.batch_size)))

    def _network_weight(
        self,
        network: SignalClassifier,
        unseen: np.ndarray,
        loo: np.ndarray,
        samples: LabelledSamples,
        device: torch.device,
    ) -> float:
        """Return the weight of the fine-tuned network in the ensemble, learned from the samples held out."""
        unseen = unseen[np.isfinite(loo[unseen]).all(1)]
        if len(unseen) == 0:
            return NETWORK_PRIOR_WEIGHT
        batch_size = max(1, self.batch_size // network.signal_encoder.num_channels(self.input_shape_))
        outputs = map_batches(
            lambda batch: self._output(network(batch)), samples.X, batch_size, device, samples.rows[unseen]
        )
        prior_weights = [1 - NETWORK_PRIOR_WEIGHT, NETWORK_PRIOR_WEIGHT]
        members = np.stack([loo[unseen], outputs])
        return float(self._weigh(members, samples.targets[unseen], samples.weights[unseen], prior_weights)[1])

    def _encode(self, network: SignalClassifier, samples: LabelledSamples, device: torch.device) -> LabelledSamples:
        """Return the labelled samples with patch tokens (m, M * N, D) in place of signals."""
        channels = network.signal_encoder.num_channels(self.input_shape_)
        batch_size = max(1, self.batch_size // channels)
        tokens = map_batches(network.eval().to(device).tokens, samples.X, batch_size, device, samples.rows)
        return samples._replace(X=tokens, rows=np.arange(len(tokens)))

    def _build_head(self, signal_encoder: SignalEncoder) -> nn.Module:
        assert self._head is not None
        encoder, settings = signal_encoder.encoder, dict(self._head)
        channels = signal_encoder.num_channels(self.input_shape_)
        name = settings.pop("head")
        return build_head(name, encoder.embed_dim, self._num_outputs, encoder.num_heads, channels, settings)
