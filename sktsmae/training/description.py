"""Descriptions of trainings: a training resumes only from a checkpoint with the same description."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from sklearn.base import BaseEstimator
from torch import Tensor, nn

from ..models.to_jsonable import to_jsonable
from ..signals.batches import load_batch
from ..signals.dataset import SignalDataset
from ..signals.spread_rows import spread_rows
from .parameters import TrainingParameters

# Parameters that may change when a training is resumed, for example to resume on another device. The description of the
# training does not contain them.
_NOT_DESCRIBED = {"checkpoint_dir", "device", "verbose", "callbacks", "sampling_rate"}


def describe_training(
    params: TrainingParameters, dataset: SignalDataset, start: nn.Module | None = None
) -> dict[str, str]:
    """Describe the parameters, data and initial weights of a training.

    Parameters
    ----------
    params : TrainingParameters
        The estimator with its parameters.
    dataset : SignalDataset
        The samples and their targets. The description contains a checksum of at most 64 samples and of all targets.
    start : nn.Module or None, default=None
        Network whose weights initialise the training; None if the initial weights are random.

    Returns
    -------
    dict of str to str
        Name and value of each parameter and of each property of the data and of the initial weights.
    """
    parameters = {
        name: type(value).__name__ if isinstance(value, BaseEstimator) else repr(to_jsonable(value))
        for name, value in params.get_params().items()
        if name.split("__")[-1] not in _NOT_DESCRIBED
    }
    samples = load_batch(dataset.X, dataset.index[spread_rows(len(dataset), 64)])
    return {
        **parameters,
        "the shape of X": str((len(dataset), *dataset.X.shape[1:])),
        "the values of X and y": _checksum([samples, *dataset.targets]),
        "the initial network": "drawn by the seed" if start is None else _describe(start),
    }


def _describe(network: nn.Module) -> str:
    return f"{_checksum(network.state_dict().values())}, with the settings {getattr(network, 'settings', None)}"


def _checksum(tensors: Iterable[Tensor]) -> str:
    checksum = 0
    for tensor in tensors:
        values = tensor.detach().cpu().contiguous().numpy()
        checksum = zlib.crc32(values.tobytes(), checksum)
    return f"checksum {checksum:08x}"
