"""Comparison of exported ONNX files with PyTorch: file size, latency, difference of the probabilities, and accuracy.

Run ``python tests/benchmarks/deployment.py [--repeats N] [--epochs N]``. Two classifiers are fitted on one channel of
SPARwatch: the default classifier, and a network fine-tuned without the linear probe. All computations use one thread.
The int8 files are made by the dynamic quantisation of onnxruntime (see `quantise_to_int8`). The script prints a
Markdown table; the last results are in ``deployment.md``.
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


def load_onnx(path: Path) -> Predict:
    """Return a function that computes probabilities with an ONNX file on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda X: session.run(["probabilities"], {"X": X})[0]


def quantise_to_int8(path: Path, quantised: Path) -> None:
    """Quantise the weight matrices of the encoder and of the head in an ONNX file to int8.

    The last linear layers (Gemm nodes) are not quantised, because their inputs are features of very different
    magnitudes: if they were, probabilities would change by more than 0.5 instead of at most 0.05. Convolutions,
    including that of the wavelet transform, are not quantised either.
    """
    # onnxruntime replaces each Gemm node by a MatMul node with this name before it applies nodes_to_exclude.
    excluded = [f"{node.name}_MatMul" for node in onnx.load(path).graph.node if node.op_type == "Gemm"]
    quantize_dynamic(
        path,
        quantised,
        op_types_to_quantize=["MatMul"],
        nodes_to_exclude=excluded,
        per_channel=True,
        weight_type=QuantType.QInt8,
    )


def latency(predict: Predict, X: np.ndarray, repeats: int) -> float:
    """Return the median time of a call in milliseconds, after one warm-up call."""
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
    parser.add_argument("--repeats", type=int, default=50, help="number of timed calls per latency")
    parser.add_argument("--epochs", type=int, default=10, help="number of epochs of fine-tuning")
    options = parser.parse_args()
    torch.set_num_threads(1)
    train, test = (load_sparwatch(subset=subset) for subset in ("train", "test"))
    X, labels = test.data[:, 0].astype(np.float32), test.target
    network = {"probe": False, "finetune": "full", "max_epochs": options.epochs}
    print(
        "|classifier|runtime|file size (MB)|latency, 1 signal (ms)|latency, 64 signals (ms)"
        "|maximum probability difference|99 % quantile of the probability difference|accuracy|"
    )
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for name, params in {"default": {}, "fine-tuned": network}.items():
        classifier = MAEClassifier(random_state=0, device="cpu", **params).fit(train.data[:, 0], train.target)
        with tempfile.TemporaryDirectory() as folder:
            saved, float32, int8 = (
                Path(folder) / file for file in ("classifier.safetensors", "float32.onnx", "int8.onnx")
            )
            classifier.save(saved)
            classifier.export_onnx(float32)
            quantise_to_int8(float32, int8)
            runtimes: dict[str, tuple[Path, Predict]] = {
                "PyTorch": (saved, classifier.predict_proba),
                "ONNX float32": (float32, load_onnx(float32)),
                "ONNX int8": (int8, load_onnx(int8)),
            }
            expected = classifier.predict_proba(X)
            for runtime, (path, predict) in runtimes.items():
                probabilities = np.concatenate([predict(X[start : start + 64]) for start in range(0, len(X), 64)])
                difference = np.abs(probabilities - expected).max(1)
                correct = classifier.classes_[probabilities.argmax(1)] == labels
                cells = [
                    f"{path.stat().st_size / 1e6:.2f}",
                    *(f"{latency(predict, X[:count], options.repeats):.1f}" for count in (1, 64)),
                    *(f"{value:.1e}" for value in (difference.max(), np.quantile(difference, 0.99))),
                    f"{correct.mean():.3f}",
                ]
                print("|".join(["", name, runtime, *cells, ""]), flush=True)


if __name__ == "__main__":
    main()
