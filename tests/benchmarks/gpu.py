"""Benchmark on a GPU: pre-training, the wavelet transform, and the default classifier. It takes at most six minutes.

Run ``python tests/benchmarks/gpu.py``. Without a GPU, the script uses the CPU and tiny sizes, which shows that it works
but measures nothing of interest. The script prints a Markdown table; the last results are in ``speed.md``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from speed import Row, signals, time_alternately, training_flops

from sktsmae import MAEClassifier
from sktsmae.models import CWT_MAE_RoPE, Scalogram

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
ON_GPU = DEVICE.type == "cuda"
NAME = torch.cuda.get_device_name() if ON_GPU else "the CPU, tiny sizes"
# Numbers of signals: of a batch of the published model, of a wavelet transform, and of a fit of the classifier.
BATCH, IMAGES, FIT = (128, 256, 10_000) if ON_GPU else (2, 2, 40)
# Number of signals from which the time of the CPU for all signals of the fit is extrapolated.
FIT_CPU = min(FIT, 500)


def synchronized(function: Callable[[], object]) -> Callable[[], None]:
    """Return a function that also waits until the GPU has finished."""

    def call() -> None:
        function()
        if ON_GPU:
            torch.cuda.synchronize()

    return call


def pretraining() -> Iterator[Row]:
    """Compare the FLOP rate of a training step of the published size in bfloat16 with that of a matrix product."""
    settings = {} if ON_GPU else {"signal_len": 200, "embed_dim": 48, "depth": 1, "num_heads": 4, "decoder_depth": 1}
    model = CWT_MAE_RoPE(**settings)
    flops = BATCH * training_flops(model)
    model.to(DEVICE)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    x = torch.from_numpy(signals(BATCH, model.settings["signal_len"])).to(DEVICE)
    size = 8192 if ON_GPU else 256
    left, right = torch.randn(2, size, size, device=DEVICE, dtype=torch.bfloat16)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(DEVICE.type, torch.bfloat16):
            loss = model(x)[0]
        loss.backward()
        optimizer.step()

    functions = {"step": synchronized(step), "product": synchronized(lambda: left @ right)}
    seconds = time_alternately(functions, 10)
    rate, product_rate = flops / seconds["step"], 2 * size**3 / seconds["product"]
    measured = f"{rate / product_rate:.2f} ({rate / 1e12:.1f} of {product_rate / 1e12:.1f} TFLOP/s)"
    yield (
        f"pre-training step, published size, bfloat16, batch {BATCH}: rate relative to a matrix product",
        measured,
        ".40",
    )


def cwt() -> Iterator[Row]:
    """Compare the rate at which wavelet images are written with that of copying them."""
    scalogram = Scalogram(64, standardize=False).to(DEVICE)
    x = torch.from_numpy(signals(IMAGES, 3000)).to(DEVICE)
    images = scalogram(x)
    copy = torch.empty_like(images)
    functions = {"cwt": synchronized(lambda: scalogram(x)), "copy": synchronized(lambda: copy.copy_(images))}
    seconds = time_alternately(functions, 20)
    rate = images.nbytes / seconds["cwt"] / 2**30
    measured = f"{seconds['copy'] / seconds['cwt']:.2f} ({rate:.1f} GB/s)"
    yield f"CWT, {IMAGES} signals x 3000 samples, 3 views, 64 scales: rate relative to a copy", measured, "report"


def classifier() -> Iterator[Row]:
    """Compare the fit and the predictions of the default classifier with those on the CPU."""
    y = np.arange(FIT) % 4
    X = signals(FIT, 500) + 5 * np.sin(np.arange(500) * (0.1 + 0.02 * y[:, None]), dtype=np.float32)
    seconds = {}
    for device, count in ((DEVICE.type, FIT), ("cpu", FIT_CPU)):
        start = time.perf_counter()
        fitted = MAEClassifier(random_state=0, device=device).fit(X[:count], y[:count])
        middle = time.perf_counter()
        fitted.predict(X[:count])
        seconds[device, count] = middle - start, time.perf_counter() - middle
    (fit, predict), (_, predict_cpu) = seconds[DEVICE.type, FIT], seconds["cpu", FIT_CPU]
    yield f"`MAEClassifier().fit`, {FIT} x 500", f"{fit:.0f} s", "report"
    speed = predict_cpu * FIT / FIT_CPU / predict
    yield f"predict, {FIT} x 500: speed relative to the CPU ({FIT_CPU} signals)", f"{speed:.1f} x", "report"


def main() -> None:
    """Print the table."""
    print(f"Measured on {NAME}.\n\n|quantity|measured|goal|\n|---|---|---|", flush=True)
    for section in (pretraining, cwt, classifier):
        for row in section():
            print("|".join(["", *row, ""]), flush=True)


if __name__ == "__main__":
    main()
