"""What a classifier's ONNX file costs and gives, beside PyTorch: size, latency, probabilities, accuracy.

``python tests/benchmarks/deployment.py [--repeats N] [--epochs N]`` fits the default classifier and a fine-tuned
network on one channel of SPARwatch, and prints a Markdown table; its last result is in ``deployment.md`` beside it. One
thread computes. "int8" are files by onnxruntime's dynamic quantisation of the matrices of encoder and head (`to_int8`).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

from sktsmae import MAEClassifier
from sktsmae.datasets import load_sparwatch

Predict = Callable[[np.ndarray], np.ndarray]


def from_file(path: Path) -> Predict:
    """Return what computes probabilities by a file, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda X: session.run(["probabilities"], {"X": X})[0]


def to_int8(path: Path, small: Path) -> None:
    """Write a file with matrices in int8.

    The last layers (Gemm) are left out, for features of all scales meet in them: with them probabilities move by more
    than 0.5, without them by 0.05 at most. So are convolutions, the wavelet transform's among them.
    """
    last = [f"{node.name}_MatMul" for node in onnx.load(path).graph.node if node.op_type == "Gemm"]  # its name there
    quantize_dynamic(
        path,
        small,
        op_types_to_quantize=["MatMul"],
        nodes_to_exclude=last,
        per_channel=True,
        weight_type=QuantType.QInt8,
    )


def latency(predict: Predict, X: np.ndarray, repeats: int) -> float:
    """Return the median milliseconds of a call, after one that warms up."""
    predict(X)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        predict(X)
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    train, test = (load_sparwatch(subset=subset) for subset in ("train", "test"))
    X, labels = test.data[:, 0].astype(np.float32), test.target
    tuned = {"probe": False, "finetune": "full", "max_epochs": options.epochs}
    print("|classifier|by|MB|ms, 1 signal|ms, 64 signals|largest difference|of 99 %|accuracy|")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for name, params in {"default": {}, "fine-tuned": tuned}.items():
        classifier = MAEClassifier(random_state=0, device="cpu", **params).fit(train.data[:, 0], train.target)
        with tempfile.TemporaryDirectory() as folder:
            own, exact, small = (Path(folder) / file for file in ("own.safetensors", "float32.onnx", "int8.onnx"))
            classifier.save(own)
            classifier.export_onnx(exact)
            to_int8(exact, small)
            ways: dict[str, tuple[Path, Predict]] = {
                "PyTorch": (own, classifier.predict_proba),
                "ONNX float32": (exact, from_file(exact)),
                "ONNX int8": (small, from_file(small)),
            }
            expected = classifier.predict_proba(X)
            for way, (path, predict) in ways.items():
                got = np.concatenate([predict(X[start : start + 64]) for start in range(0, len(X), 64)])
                off = np.abs(got - expected).max(1)
                hits = classifier.classes_[got.argmax(1)] == labels
                cells = [
                    f"{path.stat().st_size / 1e6:.2f}",
                    *(f"{latency(predict, X[:count], options.repeats):.1f}" for count in (1, 64)),
                    *(f"{value:.1e}" for value in (off.max(), np.quantile(off, 0.99))),
                    f"{hits.mean():.3f}",
                ]
                print("|".join(["", name, way, *cells, ""]), flush=True)


if __name__ == "__main__":
    main()
