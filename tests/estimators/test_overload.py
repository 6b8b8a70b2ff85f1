"""Much at once: threads, processes, memory that runs out, disks that are full."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal

from sktsmae import CWTTransformer, MAEClassifier
from sktsmae.estimators._batches import map_batches

CPU = torch.device("cpu")


def test_sixteen_threads_predict_what_one_does(fitted_pretrainer, fitted_classifier, X, y):
    statistics = CWTTransformer(output="statistics", cwt_scales=6, device="cpu").fit(X)
    default = MAEClassifier(random_state=0, device="cpu").fit(X, y)
    calls = [statistics.transform, fitted_pretrainer.transform, fitted_classifier.predict_proba, default.predict_proba]
    expected = [call(X) for call in calls]
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda place: calls[place % 4](X), range(64)))
    for place, result in enumerate(results):
        # Threads share the cores, and sums may be cut up otherwise.
        assert_allclose(result, expected[place % 4], atol=1e-5)


@pytest.mark.parametrize("finetune", ["none", "full"])
def test_saved_on_one_thread_predicts_the_same_on_two(new_classifier, X, y, tmp_path, finetune):
    path, threads = tmp_path / "classifier.safetensors", torch.get_num_threads()
    results = []
    try:
        torch.set_num_threads(1)
        new_classifier(finetune=finetune, probe=True).fit(X, y).save(path)
        for count in (1, 2):
            torch.set_num_threads(count)
            results.append(MAEClassifier.load(path).predict_proba(X))
    finally:
        torch.set_num_threads(threads)
    assert_allclose(results[1], results[0], atol=1e-5)


def threads_of_a_worker(estimator, X) -> int:
    """Return how many threads torch computes with, after work."""
    estimator.transform(X)
    return torch.get_num_threads()


def test_workers_share_the_cores(fitted_pretrainer, X):
    threads = Parallel(n_jobs=2)(delayed(threads_of_a_worker)(fitted_pretrainer, X) for _ in range(4))
    assert max(threads) <= max(1, os.cpu_count() // 2)


def hungry(most: int, error: Exception):
    """A function that has memory for so many samples; and the sizes of the batches that it was given."""
    sizes = []

    def function(batch: torch.Tensor) -> torch.Tensor:
        sizes.append(len(batch))
        if len(batch) > most:
            raise error
        return 2 * batch

    return function, sizes


ERRORS = {
    "numpy": MemoryError("Unable to allocate"),
    "gpu": torch.OutOfMemoryError("CUDA out of memory"),
    "cpu": RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried"),
}


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("rows", [None, np.arange(40, 0, -2)])
def test_where_memory_runs_out_batches_are_halved(X, error, rows):
    function, sizes = hungry(5, error)
    with pytest.warns(UserWarning, match="out of memory: going on by batches of"):
        out = map_batches(function, X, 16, CPU, rows)
    assert_array_equal(out, 2 * (X if rows is None else X[rows]))
    assert sizes[:4] == [16, 8, 4, 4]


def test_what_has_no_memory_for_one_sample_says_so(X):
    function, _ = hungry(0, MemoryError("Unable to allocate"))
    with pytest.raises(MemoryError), pytest.warns(UserWarning, match="batches of 1"):
        map_batches(function, X, 4, CPU)


def test_other_errors_are_not_taken_for_a_lack_of_memory(X):
    function, sizes = hungry(0, RuntimeError("shapes do not fit"))
    with pytest.raises(RuntimeError, match="shapes"):
        map_batches(function, X, 4, CPU)
    assert sizes == [4]


def test_a_full_disk_leaves_the_checkpoints_that_are_there(new_pretrainer, X, same_weights, tmp_path, monkeypatch):
    whole = new_pretrainer(max_epochs=4).fit(X)
    save, calls = torch.save, []

    def save_until_full(state, file):
        calls.append(1)
        if len(calls) == 3:
            file.write(b"the beginning")
            raise OSError(28, "No space left on device")
        save(state, file)

    monkeypatch.setattr(torch, "save", save_until_full)
    with pytest.raises(OSError, match="No space left"):
        new_pretrainer(max_epochs=4, checkpoint_dir=tmp_path).fit(X)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-000001.pt", "epoch-000002.pt"]
    again = new_pretrainer(max_epochs=4, checkpoint_dir=tmp_path).fit(X)
    assert same_weights(again.model_, whole.model_)


def test_a_full_disk_leaves_the_file_that_is_there(fitted_pretrainer, tmp_path, monkeypatch):
    path = tmp_path / "mae.safetensors"
    fitted_pretrainer.save(path)
    before = path.read_bytes()

    def full(tensors, file, metadata):
        file.write_bytes(b"the beginning")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sktsmae.models.checkpoints.save_file", full)
    with pytest.raises(OSError, match="No space left"):
        fitted_pretrainer.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
