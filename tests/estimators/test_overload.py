"""Tests with limited resources: many threads and processes, too little memory and full disks."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal

from sktsmae import CWTTransformer, MAEClassifier
from sktsmae.signals.map_batches import map_batches

CPU = torch.device("cpu")


def test_sixteen_threads_give_the_results_of_one_thread(fitted_pretrainer, fitted_classifier, X, y):
    statistics = CWTTransformer(output="statistics", cwt_scales=6, device="cpu").fit(X)
    default_classifier = MAEClassifier(random_state=0, device="cpu").fit(X, y)
    methods = [
        statistics.transform,
        fitted_pretrainer.transform,
        fitted_classifier.predict_proba,
        default_classifier.predict_proba,
    ]
    expected = [method(X) for method in methods]
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda index: methods[index % 4](X), range(64)))
    for index, result in enumerate(results):
        # Concurrent threads share the cores, which may change the order of summation and therefore the rounding errors.
        assert_allclose(result, expected[index % 4], atol=1e-5)


@pytest.mark.parametrize("finetune", ["none", "full"])
def test_classifier_saved_with_one_thread_gives_the_same_results_with_two(new_classifier, X, y, tmp_path, finetune):
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


def torch_threads_after_transform(estimator, X) -> int:
    """Transform X, and return the number of threads that torch uses afterwards."""
    estimator.transform(X)
    return torch.get_num_threads()


def test_joblib_workers_do_not_use_more_threads_than_cores(fitted_pretrainer, X):
    threads = Parallel(n_jobs=2)(delayed(torch_threads_after_transform)(fitted_pretrainer, X) for _ in range(4))
    assert max(threads) <= max(1, os.cpu_count() // 2)


def out_of_memory_above(max_size: int, error: Exception):
    """Return a function that doubles a batch, and the list to which it appends the size of each batch.

    The function raises `error` if a batch has more than `max_size` samples.
    """
    sizes = []

    def double(batch: torch.Tensor) -> torch.Tensor:
        sizes.append(len(batch))
        if len(batch) > max_size:
            raise error
        return 2 * batch

    return double, sizes


OUT_OF_MEMORY_ERRORS = {
    "numpy": MemoryError("Unable to allocate"),
    "torch-on-gpu": torch.OutOfMemoryError("CUDA out of memory"),
    "torch-on-cpu": RuntimeError(
        "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried"
    ),
}


@pytest.mark.parametrize("error", OUT_OF_MEMORY_ERRORS.values(), ids=OUT_OF_MEMORY_ERRORS)
@pytest.mark.parametrize("rows", [None, np.arange(40, 0, -2)], ids=["all-rows", "some-rows"])
def test_batch_size_is_halved_if_memory_runs_out(X, error, rows):
    double, sizes = out_of_memory_above(5, error)
    with pytest.warns(UserWarning, match="out of memory: continuing with batches of"):
        out = map_batches(double, X, 16, CPU, rows)
    assert_array_equal(out, 2 * (X if rows is None else X[rows]))
    assert sizes[:4] == [16, 8, 4, 4]


def test_too_little_memory_for_one_sample_is_an_error(X):
    double, _ = out_of_memory_above(0, MemoryError("Unable to allocate"))
    with pytest.raises(MemoryError), pytest.warns(UserWarning, match="batches of 1"):
        map_batches(double, X, 4, CPU)


def test_other_errors_do_not_halve_the_batch_size(X):
    double, sizes = out_of_memory_above(0, RuntimeError("shapes do not fit"))
    with pytest.raises(RuntimeError, match="shapes"):
        map_batches(double, X, 4, CPU)
    assert sizes == [4]


def test_full_disk_leaves_earlier_checkpoints_intact(new_pretrainer, X, same_weights, tmp_path, monkeypatch):
    uninterrupted = new_pretrainer(max_epochs=4).fit(X)
    original_save, files = torch.save, []

    def fail_on_third_file(state, file):
        files.append(file)
        if len(files) == 3:
            file.write(b"incomplete")
            raise OSError(28, "No space left on device")
        original_save(state, file)

    monkeypatch.setattr(torch, "save", fail_on_third_file)
    with pytest.raises(OSError, match="No space left"):
        new_pretrainer(max_epochs=4, checkpoint_dir=tmp_path).fit(X)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-000001.pt", "epoch-000002.pt"]
    resumed = new_pretrainer(max_epochs=4, checkpoint_dir=tmp_path).fit(X)
    assert same_weights(resumed.model_, uninterrupted.model_)


def test_full_disk_leaves_the_existing_file_intact(fitted_pretrainer, tmp_path, monkeypatch):
    path = tmp_path / "mae.safetensors"
    fitted_pretrainer.save(path)
    before = path.read_bytes()

    def write_incomplete_file(tensors, file, metadata):
        file.write_bytes(b"incomplete")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sktsmae.models.checkpoints.save_file", write_incomplete_file)
    with pytest.raises(OSError, match="No space left"):
        fitted_pretrainer.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def two_threads():
    """Use two threads of torch during a test."""
    torch.set_num_threads(2)
    yield
    assert torch.get_num_threads() == 2


def test_batches_are_processed_at_the_same_time_and_keep_their_order(two_threads):
    both = threading.Barrier(2, timeout=60)

    def double_when_both_are_there(batch):
        both.wait()
        assert torch.get_num_threads() == 1
        assert torch.is_inference_mode_enabled()
        return 2 * batch

    X = np.arange(80, dtype=np.float32).reshape(20, 4)
    assert_array_equal(map_batches(double_when_both_are_there, X, 5, CPU), 2 * X)


def test_batches_of_a_function_that_draws_are_processed_one_by_one(two_threads):
    X = np.zeros((20, 4), np.float32)
    torch.manual_seed(0)
    expected = torch.cat([torch.rand(5, 4) for _ in range(4)])
    torch.manual_seed(0)
    assert_array_equal(map_batches(torch.rand_like, X, 5, CPU, draws=True), expected)


def test_error_in_a_thread_is_raised_and_threads_are_restored(two_threads):
    def fail(batch):
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        map_batches(fail, np.zeros((20, 4), np.float32), 5, CPU)


def test_two_threads_halve_the_batches_when_memory_runs_out(two_threads):
    def needs_memory(batch):
        if len(batch) > 2:
            raise MemoryError
        return 2 * batch

    X = np.arange(80, dtype=np.float32).reshape(20, 4)
    with pytest.warns(UserWarning, match="continuing with batches of 2"):
        assert_array_equal(map_batches(needs_memory, X, 5, CPU), 2 * X)


def test_predictions_do_not_depend_on_the_number_of_threads(X, y, two_threads):
    classifier = MAEClassifier(random_state=0, batch_size=8, device="cpu").fit(X, y)
    two = classifier.predict_proba(X)
    torch.set_num_threads(1)
    assert_allclose(
        MAEClassifier(random_state=0, batch_size=8, device="cpu").fit(X, y).predict_proba(X), two, atol=1e-5
    )
    torch.set_num_threads(2)
