"""Time and memory of the prediction of one recording: an hour of six channels at 100 Hz, 360,000 samples.

Run ``python tests/benchmarks/windowed.py``. The recording consists of random signals of the SPARwatch data set. The
classifiers of windows are fitted on the training signals of that data set. Each prediction runs in a process of its
own, and the memory is its peak minus that after the import of the package, so that the recording and the classifier are
included. The number of threads is that of torch; set the environment variable OMP_NUM_THREADS to change it. The script
prints a Markdown table; the last results are in ``windowed.md``.
"""

from __future__ import annotations

import argparse
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sktsmae import CWTTransformer, MAEClassifier, WindowedClassifier
from sktsmae.datasets import load_sparwatch

LENGTH, WINDOW, STEPS = 360_000, 200, (200, 400, 100)
ESTIMATORS = {
    "MAEClassifier()": lambda: MAEClassifier(random_state=0),
    'CWTTransformer(output="statistics"), LogisticRegression()': lambda: make_pipeline(
        CWTTransformer(output="statistics"), LogisticRegression(max_iter=1000)
    ),
}


def fit(name: str, path: Path) -> None:
    """Fit a classifier and write it to a file."""
    X, y = load_sparwatch(return_X_y=True)
    path.write_bytes(pickle.dumps(WindowedClassifier(ESTIMATORS[name](), WINDOW).fit(X, y)))


def predict(path: Path, step: int) -> None:
    """Predict the recording and print the number of windows, wall and CPU seconds, and megabytes."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    windowed = pickle.loads(path.read_bytes()).set_params(step=step)
    data = load_sparwatch(subset="test").data
    order = np.random.default_rng(0).integers(len(data), size=LENGTH // data.shape[-1])
    recording = np.concatenate(list(data[order]), axis=-1)
    start, cpu_start = time.perf_counter(), time.process_time()
    count = len(windowed.predict_windows([recording])[0].starts)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    print(count, seconds, cpu_seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def main() -> None:
    """Print the table, or fit or predict in a process that the script started."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--predict", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fit:
        return fit(options.fit[0], Path(options.fit[1]))
    if options.predict:
        return predict(Path(options.predict[0]), int(options.predict[1]))
    print(f"Window of {WINDOW} samples, {torch.get_num_threads()} thread(s).\n")
    print("|estimator|step|windows|seconds|CPU seconds|additional memory|\n|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for name in ESTIMATORS:
            path = str(Path(folder, "windowed.pickle"))
            subprocess.run([sys.executable, __file__, "--fit", name, path], check=True)
            for step in STEPS:
                command = [sys.executable, __file__, "--predict", path, str(step)]
                output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                count, seconds, cpu_seconds, megabytes = map(float, output.split())
                cells = f"{count:.0f}|{seconds:.1f}|{cpu_seconds:.1f}|{megabytes:.0f} MB"
                print(f"|`{name}`|{step}|{cells}|", flush=True)
    return None


if __name__ == "__main__":
    main()
