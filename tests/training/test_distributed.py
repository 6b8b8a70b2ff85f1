"""Tests of distributed training in several processes, and of a grid search on a cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import distributed
import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV
from torch.utils.data import Dataset
from train_together import train

from sktsmae.datasets import load_sparwatch
from sktsmae.signals.dataset import SignalDataset
from sktsmae.signals.validation import check_signals
from sktsmae.signals.world import World

SCRIPT = Path(__file__).parent / "train_together.py"


class RecordingDataset(Dataset):
    """A data set that records the indices of the signals read from it."""

    def __init__(self, X):
        self.X = X
        self.indices_read = []

    def __len__(self):
        return len(self.X)

    def __getitem__(self, index):
        self.indices_read.append(index)
        return self.X[index]


@pytest.mark.parametrize("total", [1, 2, 5, 64])
@pytest.mark.parametrize("count", [2, 3])
def test_shards_cover_all_items_and_their_sizes_differ_by_at_most_one(total, count):
    shards = [World(rank, count).shard(total) for rank in range(count)]
    assert [item for shard in shards for item in shard] == list(range(total))
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_each_rank_reads_only_its_shard_of_a_batch(X):
    sources = [RecordingDataset(X), RecordingDataset(X)]
    for rank, source in enumerate(sources):
        # Like `fit`, this code validates all values first and then reads batches.
        world = World(rank, 2)
        checked = check_signals(EstimatorStub(), source, reset=True, world=world)
        source.indices_read.clear()
        batches = SignalDataset(checked, np.arange(41)[::-1], world=world)
        for positions in (list(range(16)), list(range(16, 32)), list(range(32, 41))):
            shard, _ = batches.__getitems__(positions)
            assert len(shard) == len(positions)
            assert shard.weight == len(shard.samples) / len(positions)
    assert sorted(sources[0].indices_read + sources[1].indices_read) == list(range(41))


def test_each_rank_validates_only_its_shard(X):
    invalid = X.copy()
    invalid[30] = np.nan
    check_signals(EstimatorStub(), RecordingDataset(invalid), reset=True, world=World(0, 2))
    with pytest.raises(ValueError, match="X contains only NaN in sample 30"):
        check_signals(EstimatorStub(), RecordingDataset(invalid), reset=True, world=World(1, 2))


class EstimatorStub:
    """A stand-in for an estimator that ignores the mean of a signal, so that validation computes no offset."""

    _ignores_mean = True


def test_rank_with_an_empty_shard_reads_one_sample_of_weight_zero(X):
    shard, _ = SignalDataset(X, np.arange(41), world=World(1, 3)).__getitems__([7])
    assert (len(shard), len(shard.samples), shard.weight) == (1, 1, 0)


def test_partial_fit_refuses_distributed_training(new_pretrainer, X, refused, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    pretrainer = new_pretrainer()
    with refused(pretrainer, "partial_fit trains in one process"):
        pretrainer.partial_fit(X)


def test_error_without_accelerate_names_the_package_to_install(new_pretrainer, X, refused, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setitem(sys.modules, "accelerate", None)
    pretrainer = new_pretrainer()
    with refused(pretrainer, r'install "sktsmae\[distributed\]"', ImportError):
        pretrainer.fit(X)


@contextmanager
def start_two_processes(folder, *arguments, script=SCRIPT):
    """Run a script in two processes that train together. Write their standard error to the file `errors`."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with open(folder / "errors", "w") as errors:
        process = subprocess.Popen([*launcher, str(script), *map(str, arguments)], stderr=errors, env=environment)
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
def test_two_processes_reach_the_weights_of_one_process_even_after_one_was_killed(tmp_path):
    path = tmp_path / "X.npy"
    np.save(path, load_sparwatch().data[::13, 0])  # 51 signals: 6 are held out, and batches have 16, 16 and 13
    train(path, tmp_path, "alone")

    checkpoints = tmp_path / "checkpoints"
    with start_two_processes(tmp_path, path, tmp_path, 0.1) as process:  # 0.1 seconds per step
        while len(list(checkpoints.glob("epoch-*.pt"))) < 2:
            assert process.poll() is None, (tmp_path / "errors").read_text()
            time.sleep(0.05)
        os.kill(int((tmp_path / "1.pid").read_text()), signal.SIGKILL)
        assert process.wait(timeout=60) != 0
    assert "Signal 9" in (tmp_path / "errors").read_text()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "0.pid").read_text()), 0)  # sends no signal, but fails if the process has ended
    completed = max(int(checkpoint.stem[-6:]) for checkpoint in checkpoints.glob("epoch-*.pt"))
    # The second training would append to these files.
    for file in (*tmp_path.glob("?.losses"), *tmp_path.glob("?.rows")):
        file.unlink()

    with start_two_processes(tmp_path, path, tmp_path) as process:
        assert process.wait(timeout=120) == 0, (tmp_path / "errors").read_text()
    losses = {name: np.loadtxt(tmp_path / f"{name}.losses") for name in ("alone", "0", "1")}
    assert_array_equal(losses["0"], losses["1"])
    # 17 epochs, each with three training steps and one validation step.
    assert len(losses["alone"]) == 68
    assert len(losses["0"]) == 4 * (17 - completed)
    assert_allclose(losses["0"], losses["alone"][4 * completed :], rtol=0, atol=1e-4)
    weights = {name: torch.load(tmp_path / f"{name}.pt") for name in ("alone", "0", "1")}
    for name, value in weights["alone"].items():
        assert torch.equal(weights["0"][name], weights["1"][name])
        assert_allclose(weights["0"][name], value, atol=1e-4)
    # Per epoch, a rank reads its shard of each batch: 8 of 16, 8 of 16, 6 or 7 of 13, and 3 of 6 held-out signals.
    rows = {name: np.loadtxt(tmp_path / f"{name}.rows") for name in ("0", "1")}
    assert set(rows["0"]) == {8 + 8 + 6 + 3}
    assert set(rows["1"]) == {8 + 8 + 7 + 3}


@pytest.mark.slow
def test_ranks_with_different_signals_are_refused(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import os, numpy as np\n"
        "from sktsmae import MAEPretrainer\n"
        "X = np.random.default_rng(int(os.environ['RANK'])).normal(size=(20, 60))\n"
        "MAEPretrainer(embed_dim=16, depth=1, max_epochs=1, device='cpu').fit(X)\n"
    )
    with start_two_processes(tmp_path, script=script) as process:
        assert process.wait(timeout=60) != 0
    assert "ranks 0 and 1 cannot train together because the values of X" in (tmp_path / "errors").read_text()


@pytest.mark.slow
def test_ranks_draw_a_common_seed_and_their_joblib_workers_train_independently(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys, numpy as np\n"
        "from joblib import Parallel, delayed\n"
        "from sktsmae import MAEPretrainer\n"
        "X = np.random.default_rng(0).normal(size=(20, 60))\n"
        "pretrainer = MAEPretrainer(embed_dim=16, depth=1, max_epochs=1, device='cpu')\n"
        "seed = pretrainer.fit(X).seed_\n"
        "if os.environ['RANK'] == '0':\n"
        "    fits = Parallel(n_jobs=2)(delayed(pretrainer.set_params(random_state=s).fit)(X) for s in range(2))\n"
        "    assert len(fits) == 2\n"
        f"open(os.path.join({str(tmp_path)!r}, os.environ['RANK'] + '.seed'), 'w').write(str(seed))\n"
    )
    with start_two_processes(tmp_path, script=script) as process:
        assert process.wait(timeout=120) == 0, (tmp_path / "errors").read_text()
    seeds = [(tmp_path / f"{rank}.seed").read_text() for rank in range(2)]
    assert seeds[0] == seeds[1]


@pytest.mark.slow
def test_grid_search_on_a_dask_cluster_gives_the_scores_of_one_process(new_classifier, new_pretrainer, X, y):
    search = GridSearchCV(
        new_classifier(pretrainer=new_pretrainer(max_epochs=1), max_epochs=1), {"finetune": ["full", "head"]}, cv=2
    )
    expected = search.fit(X, y).cv_results_
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    )
    with cluster, distributed.Client(cluster), joblib.parallel_backend("dask"):
        actual = search.set_params(n_jobs=2).fit(X, y).cv_results_
    for name in ("split0_test_score", "split1_test_score", "rank_test_score"):
        assert_array_equal(actual[name], expected[name])
