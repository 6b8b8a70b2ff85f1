"""Tests of signals in files and in PyTorch data sets, and of incremental training by `partial_fit`."""

from __future__ import annotations

import pickle

import h5py
import numpy as np
import pytest
import torch
import zarr
from numpy.testing import assert_array_equal
from sklearn.frozen import FrozenEstimator
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from sktsmae import CWTTransformer, MAEClassifier, MAEPretrainer
from sktsmae.models import save_mae


def to_zarr(X, folder):
    array = zarr.create_array(folder / "X.zarr", shape=X.shape, chunks=(7, *X.shape[1:]), dtype=X.dtype)
    array[:] = X
    return array


def to_h5py(X, folder):
    with h5py.File(folder / "X.h5", "w") as file:
        file.create_dataset("X", data=X, chunks=(7, *X.shape[1:]))
    return h5py.File(folder / "X.h5")["X"]


class MapStyleDataset(Dataset):
    """A data set that returns one signal per index."""

    def __init__(self, signals):
        self.signals = signals

    def __len__(self):
        return len(self.signals)

    def __getitem__(self, index):
        return self.signals[index]


STORAGE = {
    "zarr": to_zarr,
    "h5py": to_h5py,
    "data set": lambda X, _: MapStyleDataset(X),
    "data set of lists": lambda X, _: MapStyleDataset(X.tolist()),
    "data set of tensors with gradients": lambda X, _: MapStyleDataset(torch.from_numpy(X.copy()).requires_grad_()),
    "data set of tensors with labels": lambda X, _: TensorDataset(torch.from_numpy(X.copy()), torch.arange(len(X))),
}


@pytest.mark.parametrize("store", STORAGE.values(), ids=STORAGE)
@pytest.mark.parametrize("channels", [None, 1, 2])
def test_results_do_not_depend_on_where_signals_are_stored(
    new_pretrainer, new_classifier, few, y, tmp_path, store, channels
):
    X = few.data[:, 0] if channels is None else few.data[:, :channels]
    stored = store(X, tmp_path)
    for transformer in (CWTTransformer(cwt_scales=8, device="cpu"), new_pretrainer(early_stopping=True)):
        expected = transformer.fit(X).transform(X)
        transformer.fit(stored)
        assert_array_equal(transformer.transform(stored), expected)
        assert_array_equal(transformer.transform(X), expected)
        assert transformer.n_features_in_ == (200 if channels in (None, 1) else 2)
    assert transformer.score(stored) == transformer.score(X)
    classifier = new_classifier(pretrainer=new_pretrainer(max_epochs=1), finetune="head", probe=True, max_epochs=1)
    expected = classifier.fit(X, y).predict_proba(X)
    assert_array_equal(classifier.fit(stored, y).predict_proba(stored), expected)


def test_training_on_stored_signals_can_be_resumed_with_the_same_signals_in_memory(new_pretrainer, X, tmp_path):
    settings = {"early_stopping": True, "checkpoint_dir": tmp_path / "checkpoints"}
    stored = new_pretrainer(**settings).fit(to_h5py(X, tmp_path))
    resumed = new_pretrainer(**settings).fit(X)  # loads the last checkpoint of the completed training
    assert resumed.history_ == stored.history_


def test_data_set_of_bfloat16_signals_gives_the_same_embeddings_as_a_tensor(fitted_pretrainer, X):
    rounded = torch.from_numpy(X.copy()).bfloat16()
    assert_array_equal(fitted_pretrainer.transform(MapStyleDataset(rounded)), fitted_pretrainer.transform(rounded))


def test_offset_is_subtracted_from_stored_signals(X, tmp_path):
    shifted = X.astype(np.float64) + 1e9
    transformer = CWTTransformer(output="statistics", cwt_scales=6, device="cpu")
    expected = transformer.fit_transform(shifted)
    assert_array_equal(transformer.fit_transform(to_zarr(shifted, tmp_path)), expected)
    assert transformer.offset_ == pytest.approx(1e9)


class NotSized(IterableDataset):
    """A data set without a length."""

    def __iter__(self):
        return iter(np.zeros((4, 30)))


INVALID_DATASETS = {
    "only NaN": (
        lambda X: MapStyleDataset(np.where(np.arange(41)[:, None] == 7, np.nan, X)),
        "X contains only NaN in sample 7",
    ),
    "infinity": (lambda X: MapStyleDataset(np.where(X > 1, np.inf, X)), "X contains infinity, at or after sample 0"),
    "too large": (lambda X: MapStyleDataset(X.astype(np.float64) * 1e30), "too large for float32"),
    "unequal lengths in different blocks": (
        lambda X: MapStyleDataset([np.zeros(2**20 + (index == 3)) for index in range(4)]),
        "X is ragged",
    ),
    "no signal": (lambda X: MapStyleDataset(X[:0]), r"0 sample\(s\)"),
    "text": (lambda X: MapStyleDataset(X.astype(str)), "dtype <U"),
    "unequal lengths": (
        lambda X: MapStyleDataset([row[: 200 - (index == 30)] for index, row in enumerate(X)]),
        "X is ragged",
    ),
    "one signal": (lambda X: MapStyleDataset(X[:1]), r"1 sample\(s\)"),
    "empty signals": (lambda X: MapStyleDataset(X[:, :0]), "every axis must have at least one element"),
    "without a length": (lambda X: NotSized(), "X is a NotSized without a length"),
}


@pytest.mark.parametrize(("make_dataset", "message"), INVALID_DATASETS.values(), ids=INVALID_DATASETS)
def test_invalid_signals_in_a_data_set_are_refused(new_pretrainer, X, refused, make_dataset, message):
    pretrainer = new_pretrainer()
    with refused(pretrainer, message):
        pretrainer.fit(make_dataset(X))


def test_data_set_of_signals_with_another_length_than_in_fit_is_refused(fitted_pretrainer, X, refused):
    with refused(fitted_pretrainer, r"shape \(100,\).*fitted on samples of shape \(200,\)"):
        fitted_pretrainer.transform(MapStyleDataset(X[:, :100]))


def test_partial_fit_learns_from_parts_of_the_signals(new_pretrainer, X):
    pretrainer, parts = new_pretrainer(pooling="bands"), np.array_split(X, 4)
    untrained_score = new_pretrainer(max_epochs=0).fit(X).score(X)
    for _ in range(10):
        for part in parts:
            pretrainer.partial_fit(part)
    assert pretrainer.n_iter_ == 40
    assert [row["epoch"] for row in pretrainer.history_] == list(range(1, 41))
    assert pretrainer.score(X) > untrained_score + 0.1
    assert np.isfinite(pretrainer.transform(X)).all()


def test_partial_fit_reuses_the_moments_of_the_optimizer(new_pretrainer, X, same_weights):
    # One batch contains all signals, so the learning rate has no warm-up and only the moments differ.
    first, second = (new_pretrainer(batch_size=64).partial_fit(X) for _ in range(2))
    assert same_weights(first.model_, second.model_)
    state = second._optimizer_state
    second._optimizer_state = {name: {**moments, "exp_avg": 0 * moments["exp_avg"]} for name, moments in state.items()}
    assert not same_weights(first.partial_fit(X).model_, second.partial_fit(X).model_)


@pytest.mark.parametrize("error", [FloatingPointError, KeyboardInterrupt])
def test_failed_partial_fit_leaves_the_moments_of_the_optimizer_unchanged(
    new_pretrainer, X, same_weights, interrupt, error
):
    first, second = (new_pretrainer().partial_fit(X) for _ in range(2))
    failing_params = {"lr": 1e30} if error is FloatingPointError else {"callbacks": [interrupt(epoch=1)]}
    with pytest.raises(error):
        first.set_params(**failing_params).partial_fit(X)
    original_params = {"lr": second.lr, "callbacks": None}
    assert same_weights(first.set_params(**original_params).partial_fit(X).model_, second.partial_fit(X).model_)


def test_optimizer_settings_may_change_between_calls_of_partial_fit(new_pretrainer, X):
    pretrainer = new_pretrainer().partial_fit(X)
    for decay in (0.0, 0.05):
        pretrainer.set_params(weight_decay=decay, lr=1e-4).partial_fit(X)
    assert pretrainer.n_iter_ == 3


def test_partial_fit_resumes_from_a_file(new_pretrainer, X, tmp_path):
    save_mae(new_pretrainer().fit(X).model_, tmp_path / "mae.safetensors")
    pretrainer = MAEPretrainer.load(tmp_path / "mae.safetensors").set_params(device="cpu")
    assert pretrainer.partial_fit(X).n_iter_ == 1


def test_partial_fit_resumes_from_a_pickle_without_the_moments_of_the_optimizer(new_pretrainer, X, same_weights):
    pretrainer = new_pretrainer().partial_fit(X)
    loaded = pickle.loads(pickle.dumps(pretrainer))
    assert loaded._optimizer_state is None
    assert pretrainer._optimizer_state is not None
    assert same_weights(loaded.model_, pretrainer.model_)
    assert loaded.partial_fit(X).score(X) > pretrainer.score(X)


def test_partial_fit_continues_after_fit_and_fit_starts_again(new_pretrainer, X, same_weights):
    pretrainer = new_pretrainer().fit(X)
    model, score = pretrainer.model_, pretrainer.score(X)
    pretrainer.partial_fit(X)
    assert pretrainer.n_iter_ == 3
    assert pretrainer.model_ is not model
    assert pretrainer.score(X) > score
    assert same_weights(pretrainer.fit(X).model_, new_pretrainer().fit(X).model_)
    assert pretrainer._optimizer_state is None


def test_partial_fit_of_invalid_signals_leaves_the_estimator_unchanged(new_pretrainer, X, refused):
    pretrainer = new_pretrainer()
    for _ in range(2):
        with refused(pretrainer, "infinity"):
            pretrainer.partial_fit(np.where(np.arange(200) == 7, np.inf, X))
        pretrainer.partial_fit(X)
    with refused(pretrainer, "100 features.*200 features"):
        pretrainer.partial_fit(X[:, :100])
    with refused(pretrainer.set_params(lr=1e30), "diverged", FloatingPointError):
        pretrainer.partial_fit(X)


def test_classifier_can_use_an_encoder_trained_by_partial_fit(new_pretrainer, X, y):
    pretrainer = new_pretrainer(pooling="bands").partial_fit(X)
    assert MAEClassifier(pretrainer=FrozenEstimator(pretrainer)).fit(X, y).score(X, y) > 0.5
