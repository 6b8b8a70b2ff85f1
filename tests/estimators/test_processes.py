"""Several processes and machines: trainings that share batches, searches on a cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV
from torch.utils.data import Dataset
from train_together import train

from sktsmae.datasets import load_sparwatch
from sktsmae.estimators._batches import SignalDataset
from sktsmae.estimators._processes import Processes
from sktsmae.estimators._validation import check_signals

SCRIPT = Path(__file__).parent / "train_together.py"


class Fetched(Dataset):
    """Signals that note which of them were fetched."""

    def __init__(self, X):
        self.X = X
        self.rows = []

    def __len__(self):
        return len(self.X)

    def __getitem__(self, row):
        self.rows.append(row)
        return self.X[row]


@pytest.mark.parametrize("total", [1, 2, 5, 64])
@pytest.mark.parametrize("count", [2, 3])
def test_parts_make_up_the_whole_and_differ_by_one_at_most(total, count):
    parts = [Processes(rank, count).part(total) for rank in range(count)]
    assert [place for part in parts for place in part] == list(range(total))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_each_process_reads_its_part_of_a_batch_alone(X):
    sources = [Fetched(X), Fetched(X)]
    for rank, source in enumerate(sources):
        # As `fit` does: look at the values, then fetch batches.
        processes = Processes(rank, 2)
        checked = check_signals(MAEPretrainerLike(), source, reset=True, processes=processes)
        source.rows.clear()
        batches = SignalDataset(checked, np.arange(41)[::-1], processes=processes)
        for positions in (list(range(16)), list(range(16, 32)), list(range(32, 41))):
            part, _ = batches.__getitems__(positions)
            assert len(part) == len(positions)
            assert part.weight == len(part.part) / len(positions)
    assert sorted(sources[0].rows + sources[1].rows) == list(range(41))


def test_each_process_looks_at_its_part_of_the_values_alone(X):
    bad = X.copy()
    bad[30] = np.nan
    check_signals(MAEPretrainerLike(), Fetched(bad), reset=True, processes=Processes(0, 2))
    with pytest.raises(ValueError, match="NaN or infinity, in the samples from 20 on"):
        check_signals(MAEPretrainerLike(), Fetched(bad), reset=True, processes=Processes(1, 2))


class MAEPretrainerLike:
    """Takes the attributes that checking sets, and needs no offset."""

    _forgets_level = True


def test_a_process_without_a_sample_computes_one_that_does_not_count(X):
    part, _ = SignalDataset(X, np.arange(41), processes=Processes(1, 3)).__getitems__([7])
    assert (len(part), len(part.part), part.weight) == (1, 1, 0)


def test_processes_without_accelerate_are_told_what_to_install(new_pretrainer, X, refused, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "accelerate", None)
    pretrainer = new_pretrainer()
    with refused(pretrainer, r'install "sktsmae\[distributed\]"', ImportError):
        pretrainer.fit(X)


def start(*arguments) -> subprocess.Popen:
    """Start two processes that train together."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*launcher, str(SCRIPT), *map(str, arguments)], stderr=subprocess.PIPE, text=True, env=environment
    )


@pytest.mark.slow
def test_two_processes_come_to_what_one_does_also_when_one_is_killed(tmp_path):
    path = tmp_path / "X.npy"
    np.save(path, load_sparwatch().data[::13, 0])  # 51 signals, of which 6 are held out: batches of 16, 16 and 13
    train(path, tmp_path, "alone")

    process = start(path, tmp_path, 0.1)
    checkpoints = tmp_path / "checkpoints-False"
    while not (checkpoints / "epoch-000003.pt").exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    os.kill(int((tmp_path / "1.pid").read_text()), signal.SIGKILL)
    begin = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Signal 9" in errors
    assert time.monotonic() - begin < 60
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "0.pid").read_text()), 0)
    for losses in tmp_path.glob("?.losses"):
        losses.unlink()

    process = start(path, tmp_path)
    assert process.communicate(timeout=120)[1].count("Error") == 0
    assert process.returncode == 0
    losses = {name: np.loadtxt(tmp_path / f"{name}.losses") for name in ("alone", "0", "1")}
    assert_array_equal(losses["0"], losses["1"])
    # 17 epochs of three steps and one of validation, of which three or four were done before.
    assert len(losses["alone"]) == 68
    assert 48 <= len(losses["0"]) <= 56
    assert_allclose(losses["0"], losses["alone"][-len(losses["0"]) :], rtol=0, atol=1e-4)
    weights = {name: torch.load(tmp_path / f"{name}.pt") for name in ("alone", "0", "1")}
    for name, value in weights["alone"].items():
        assert torch.equal(weights["0"][name], weights["1"][name])
        assert_allclose(weights["0"][name], value, atol=1e-4)


@pytest.mark.slow
def test_a_search_on_a_cluster_finds_what_one_process_does(new_classifier, new_pretrainer, X, y):
    distributed = pytest.importorskip("distributed")
    search = GridSearchCV(
        new_classifier(pretrainer=new_pretrainer(max_epochs=1), max_epochs=1), {"finetune": ["full", "head"]}, cv=2
    )
    expected = search.fit(X, y).cv_results_
    local = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    )
    with local, distributed.Client(local), joblib.parallel_backend("dask"):
        found = search.set_params(n_jobs=2).fit(X, y).cv_results_
    for name in ("split0_test_score", "split1_test_score", "rank_test_score"):
        assert_array_equal(found[name], expected[name])
