"""Benchmark of speed and memory, in comparison with other packages and with a matrix product.

Run ``python -m pip install ".[bench]" && python tests/benchmarks/speed.py [SECTION ...]`` on an otherwise idle machine.
The script prints a Markdown table of all sections, or of the named ones; the last results are in ``speed.md``. Each
section runs in its own process. Functions that are compared run alternately in the same process. Times are medians
after a warm-up run. A FLOP rate is a number of floating-point operations divided by a time.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.model_selection import GridSearchCV
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from sktsmae import CWTTransformer, MAEClassifier, MAEPretrainer
from sktsmae.functional import wavelets
from sktsmae.functional.scales import scale_grid
from sktsmae.functional.wavelets import cwt_of_views, differences, kernel_length, ricker
from sktsmae.models import CWT_MAE_RoPE, Scalogram
from sktsmae.signals.memory import reused_memory

# Quantity, measured value and goal.
Row = tuple[str, str, str]

# Sizes of the autoencoder: description, goal for the FLOP rate relative to a matrix product, batch size, and parameters
# of `CWT_MAE_RoPE`. "768 x 12" means 12 blocks with embeddings of size 768.
TRAINING: list[tuple[str, float, int, dict[str, Any]]] = [
    ("published size (768 x 12, decoder 512 x 8, 3000 samples), batch 4", 0.65, 4, {}),
    (
        "256 x 6, decoder 128 x 2, 1000 samples, patches 8 x 25, batch 32",
        0.50,
        32,
        {
            "signal_len": 1000,
            "patch_size_freq": 8,
            "patch_size_time": 25,
            "embed_dim": 256,
            "depth": 6,
            "num_heads": 8,
            "decoder_embed_dim": 128,
            "decoder_depth": 2,
            "decoder_num_heads": 4,
        },
    ),
    (
        "128 x 4, decoder 64 x 1, 512 samples, patches 8 x 32, batch 64",
        0.35,
        64,
        {
            "signal_len": 512,
            "patch_size_freq": 8,
            "patch_size_time": 32,
            "embed_dim": 128,
            "depth": 4,
            "num_heads": 4,
            "decoder_embed_dim": 64,
            "decoder_depth": 1,
            "decoder_num_heads": 2,
        },
    ),
]


def time_alternately(functions: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Call each function once per round, and return its median time in seconds after one warm-up round."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values[1:]) for name, values in seconds.items()}


def signals(*shape: int) -> np.ndarray:
    """Return random walks as signals, as an array of the given shape."""
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32).cumsum(-1)


def matrix_product() -> tuple[Callable[[], Any], float]:
    """Return a function that multiplies two matrices, and its number of floating-point operations."""
    left, right, out = torch.randn(3, 2048, 2048)
    return partial(torch.mm, left, right, out=out), 2 * 2048**3


def encoding_flops(model: CWT_MAE_RoPE) -> int:
    """Count the floating-point operations of the encoder for all patches of one image."""
    image = model.scalogram(torch.zeros(1, model.settings["signal_len"]))
    return _count_flops(lambda: model.encoder(model.encoder.patchify(image)))


def training_flops(model: CWT_MAE_RoPE) -> int:
    """Count the floating-point operations of a training step per image.

    The backward pass needs twice as many operations as the forward pass.
    """
    image = model.scalogram(torch.zeros(1, model.settings["signal_len"]))
    return 3 * _count_flops(lambda: model.reconstruct(image))


def _count_flops(forward: Callable[[], Any]) -> int:
    """Count the floating-point operations of matrix products and convolutions.

    One multiply-add counts as two operations. FlopCounterMode does not count the operations of the fused attention
    kernel on a CPU. The MATH backend is therefore selected, which computes attention by matrix products.
    """
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        forward()
    return counter.get_total_flops()


def cwt() -> Iterator[Row]:
    """Compare the wavelet transform with those of three other packages and with a direct convolution.

    sktsmae and ssqueezepy cache their wavelets between calls. "sktsmae first call" is the time without that cache.
    ssqueezepy has no Ricker wavelet. Its complex Mexican hat wavelet ("cmhat") is used instead, whose real part is the
    Ricker wavelet.
    """
    import ptwt
    import pywt
    import ssqueezepy

    scales, mexican_hat = scale_grid(64), ssqueezepy.Wavelet("cmhat")
    # Number and length of signals, goal relative to the fastest package, goal relative to a direct convolution.
    for count, length, package_goal, direct_goal in ((32, 3000, 8, 12), (256, 512, 4, None), (2, 60_000, 4, None)):
        x = torch.from_numpy(signals(count, length))
        views = differences(x).flatten(0, 1)
        kernels = ricker(scales, kernel_length(scales, length)).float()[:, None]

        def first_call(x: torch.Tensor = x) -> None:
            wavelets._filter_bank.cache_clear()
            cwt_of_views(x, scales)

        expected = F.conv1d(views[:, None], kernels, padding="same").unflatten(0, (count, 3))
        torch.testing.assert_close(cwt_of_views(x, scales), expected, rtol=0, atol=1e-4 * float(expected.std()))
        functions = {
            "sktsmae": partial(cwt_of_views, x, scales),
            "sktsmae first call": first_call,
            "PyWavelets": partial(pywt.cwt, views.numpy(), scales.numpy(), "mexh", method="fft", axis=-1),
            "ptwt": partial(ptwt.cwt, views, scales.numpy(), "mexh"),
            "ssqueezepy": partial(
                ssqueezepy.cwt, views.numpy(), mexican_hat, scales=scales.float().numpy(), padtype="zero"
            ),
            "direct convolution": partial(F.conv1d, views[:, None], kernels, padding="same"),
        }
        seconds = time_alternately(functions, 9)
        task = f"CWT, {count} signals x {length} samples, 3 views, 64 scales"
        fastest = min(("PyWavelets", "ptwt", "ssqueezepy"), key=seconds.__getitem__)
        times = ", ".join(f"{name} {1000 * value:.0f}" for name, value in seconds.items())
        ratio = seconds[fastest] / seconds["sktsmae"]
        yield f"{task}: speed relative to {fastest}", f"{ratio:.1f} x (ms: {times})", f"{package_goal} x"
        if direct_goal:
            ratio = seconds["direct convolution"] / seconds["sktsmae"]
            yield f"{task}: speed relative to a direct convolution", f"{ratio:.1f} x", f"{direct_goal} x"


def cwt_memory() -> Iterator[Row]:
    """Measure the memory that the wavelet transform needs in addition to its output."""
    for name, standardize in (("CWT", False), ("standardised CWT", True)):
        scalogram = Scalogram(64, standardize=standardize)
        scalogram(torch.randn(1, 3000))  # fills the cache of wavelets
        x = torch.from_numpy(signals(32, 3000))
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak memory (VmHWM)
        before = _resident(peak=False)
        out = scalogram(x)
        additional = _resident(peak=True) - before - out.nbytes / 2**20
        quantity = f"{name}, 32 signals x 3000 samples: additional memory relative to the output"
        yield quantity, f"{additional * 2**20 / out.nbytes:.2f} x", "0.25 x"


def training() -> Iterator[Row]:
    """Compare the FLOP rate of a training step with that of a matrix product, and the speed for three `decode_ratio`.

    Freed memory is reused, as in `MAEPretrainer.fit`.
    """
    product, product_flops = matrix_product()
    with reused_memory(torch.device("cpu")):
        for size, goal, batch, settings in TRAINING:
            model, step = _training_step(batch, {**settings, "decode_ratio": 1.0})
            seconds = time_alternately({"step": step, "product": product}, 5 if batch < 16 else 15)
            rate, product_rate = batch * training_flops(model) / seconds["step"], product_flops / seconds["product"]
            rates = f"{rate / 1e9:.0f} of {product_rate / 1e9:.0f} GFLOP/s"
            measured = f"{rate / product_rate:.2f} ({rates}, {seconds['step']:.2f} s)"
            yield f"pre-training step, {size}: FLOP rate relative to a matrix product", measured, f"{goal:.2f}"
        size, _, batch, settings = TRAINING[1]
        steps = {
            str(ratio): _training_step(batch, {**settings, "decode_ratio": ratio})[1] for ratio in (1.0, 0.5, 0.25)
        }
        seconds = time_alternately(steps, 9)
        for ratio in ("0.5", "0.25"):
            quantity = f"pre-training step with decode_ratio={ratio}, {size}: speed relative to decode_ratio=1"
            yield quantity, f"{seconds['1.0'] / seconds[ratio]:.2f} x", "1.5 x"


def _training_step(batch: int, settings: dict[str, Any]) -> tuple[CWT_MAE_RoPE, Callable[[], None]]:
    model = CWT_MAE_RoPE(**settings)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    x = torch.from_numpy(signals(batch, model.settings["signal_len"]))

    def step() -> None:
        optimizer.zero_grad()
        model(x)[0].backward()
        optimizer.step()

    return model, step


def inference() -> Iterator[Row]:
    """Time the embedding of many signals, and the prediction for one signal."""
    product, product_flops = matrix_product()
    X = signals(2000, 512)
    pretrainer = MAEPretrainer(init="random", max_epochs=0, random_state=0).fit(X[:10])
    seconds = time_alternately({"transform": partial(pretrainer.transform, X), "product": product}, 7)
    rate = len(X) * encoding_flops(pretrainer.model_) / seconds["transform"]
    product_rate = product_flops / seconds["product"]
    rates = f"{rate / 1e9:.0f} of {product_rate / 1e9:.0f} GFLOP/s"
    yield (
        "`MAEPretrainer().transform`, 2000 signals x 512 samples: FLOP rate relative to a matrix product (FLOPs of the "
        "encoder, time of CWT and encoder)",
        f"{rate / product_rate:.2f} ({rates}, {seconds['transform']:.2f} s)",
        "0.35",
    )
    network = MAEClassifier(pretrainer="scratch", probe=False, finetune="full", max_epochs=1, random_state=0)
    classifiers = {
        "default classifier": MAEClassifier(random_state=0),
        "network only (no ridge probe), default size": network,
    }
    labels = np.arange(20) % 2
    for classifier in classifiers.values():
        classifier.fit(X[:20], labels)
    calls = {name: partial(classifier.predict_proba, X[:1]) for name, classifier in classifiers.items()}
    for name, median in time_alternately(calls, 200).items():
        quantity = f"`MAEClassifier.predict_proba`, {name}, 1 signal x 512 samples (median of 200 calls)"
        yield quantity, f"{1000 * median:.1f} ms", "15 ms"


def defaults() -> Iterator[Row]:
    """Time calls with default parameters that do not train a network."""
    X = signals(1000, 512)
    small, large = X[:100, :150], X[:, :500]
    labels = np.arange(1000) % 4
    calls = {
        '`CWTTransformer(output="statistics").fit_transform`, 1000 signals x 512 samples': (
            lambda: CWTTransformer(output="statistics").fit_transform(X),
            "4 s",
        ),
        "`MAEPretrainer.from_pretrained().transform`, 1000 signals x 512 samples": (
            lambda: MAEPretrainer.from_pretrained().transform(X),
            "10 s",
        ),
        "`MAEClassifier().fit`, 100 signals x 150 samples": (lambda: MAEClassifier().fit(small, labels[:100]), "20 s"),
        "`MAEClassifier().fit`, 1000 signals x 500 samples": (lambda: MAEClassifier().fit(large, labels), "240 s"),
    }
    seconds = time_alternately({name: function for name, (function, _) in calls.items()}, 3)
    for name, (_, goal) in calls.items():
        yield name, f"{seconds[name]:.1f} s", goal


def peer() -> Iterator[Row]:
    """Time the default classifier beside MultiRocket-Hydra of aeon with as many threads, and two fits side by side."""
    from aeon.classification.convolution_based import MultiRocketHydraClassifier

    X, labels = signals(1000, 500), np.arange(1000) % 5
    X += 0.3 * labels[:, None] * np.sin(np.arange(500) / 5)
    ours, theirs = MAEClassifier(random_state=0), MultiRocketHydraClassifier(n_jobs=torch.get_num_threads())
    calls = {
        "fit": lambda: ours.fit(X, labels),
        "fit of the peer": lambda: theirs.fit(X[:, None].astype(float), labels),
        "predict": lambda: ours.predict(X),
        "predict of the peer": lambda: theirs.predict(X[:, None].astype(float)),
    }
    seconds = time_alternately(calls, 3)
    for name, goal in [("fit", "1.5 x"), ("predict", "1 x")]:
        own, other = seconds[name], seconds[f"{name} of the peer"]
        quantity = f"`MAEClassifier().{name}`, 1000 signals x 500 samples: time relative to MultiRocket-Hydra"
        yield quantity, f"{own / other:.2f} x ({own:.1f} and {other:.1f} s)", goal
    alone, together = _fits_in_processes(1), _fits_in_processes(2)
    quantity = "`MAEClassifier().fit`, 1000 signals x 500 samples: time of two processes side by side relative to one"
    yield quantity, f"{together / alone:.2f} x ({alone:.1f} and {together:.1f} s)", "2.2 x"


def _fits_in_processes(count: int) -> float:
    """Return the median time of a fit in each of several processes that run at the same time."""
    code = (
        "import numpy as np, statistics, time; from sktsmae import MAEClassifier\n"
        "X = np.random.default_rng(0).standard_normal((1000, 500), dtype=np.float32).cumsum(-1); times = []\n"
        "for _ in range(3):\n"
        "    start = time.perf_counter(); MAEClassifier(random_state=0).fit(X, np.arange(1000) % 5)\n"
        "    times.append(time.perf_counter() - start)\n"
        "print(statistics.median(times))\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(count)]
    return statistics.mean(float(process.communicate()[0]) for process in processes)


def search() -> Iterator[Row]:
    """Compare a grid search in two processes with one in a single process."""
    X, y = signals(200, 150), np.arange(200) % 2

    def fit(n_jobs: int) -> Callable[[], Any]:
        grid = {"class_weight": [None, "balanced"]}
        return partial(GridSearchCV(MAEClassifier(random_state=0), grid, cv=3, refit=False, n_jobs=n_jobs).fit, X, y)

    seconds = time_alternately({"one": fit(1), "two": fit(2)}, 3)
    measured = f"{seconds['one'] / seconds['two']:.2f} x ({seconds['one']:.1f} and {seconds['two']:.1f} s)"
    yield "`GridSearchCV(MAEClassifier(), n_jobs=2)`, 200 signals x 150 samples: speed over n_jobs=1", measured, "1.4 x"


def many_channels() -> Iterator[Row]:
    """Measure a fit to signals of many channels, of which one differs between the classes."""
    X, y = signals(300, 64, 128).cumsum(-1), np.arange(300) % 3
    X[:, 7] += np.sin(np.arange(128) * (0.2 + 0.1 * y[:, None]))
    yield _fit_row(X, y, "60 s, 3 GB")


def many_signals() -> Iterator[Row]:
    """Measure a fit to 100,000 signals of ten classes. It takes half an hour."""
    rng = np.random.default_rng(0)
    y = rng.integers(10, size=100_000)
    X = signals(100_000, 128)
    for part in np.array_split(np.arange(len(y)), 100):
        phase = rng.uniform(0, 2 * np.pi, (len(part), 1))
        X[part] += np.sin(np.arange(128) * (0.2 + 0.01 * y[part, None]) + phase)
    yield _fit_row(X, y, "1500 s, 4 GB")


def mapped_signals() -> Iterator[Row]:
    """Measure a fit to 20,000 signals of 1,000 samples in a file. It takes a quarter of an hour."""
    with tempfile.TemporaryDirectory() as folder:
        X = np.lib.format.open_memmap(Path(folder) / "X.npy", "w+", dtype=np.float32, shape=(20_000, 1000))
        y, time_points = np.arange(len(X)) % 4, np.arange(1000)
        for part in np.array_split(np.arange(len(X)), 100):
            X[part] = signals(len(part), 1000) + np.sin(time_points * (0.2 + 0.02 * y[part, None]) + part[:, None])
        yield _fit_row(X, y, "2 GB")


def _fit_row(X: np.ndarray, y: np.ndarray, goal: str) -> Row:
    """Return the time and the additional memory of a fit of the default classifier."""
    before, start = _resident(peak=False), time.perf_counter()
    MAEClassifier(random_state=0).fit(X, y)
    seconds, additional = time.perf_counter() - start, (_resident(peak=True) - before) / 1024
    shape = " x ".join(map(str, X.shape))
    return f"`MAEClassifier().fit`, {shape}, all of them used", f"{seconds:.0f} s, {additional:.2f} GB", goal


def overhead() -> Iterator[Row]:
    """Measure the fraction of the fit time on a small data set that is not spent on the network and the CWT."""
    X, epochs = signals(100, 150), 20
    pretrainer = MAEPretrainer(init="random", max_epochs=epochs, random_state=0)
    model = pretrainer.fit(X).model_.train()
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)

    def train(with_optimizer: bool) -> None:
        with reused_memory(torch.device("cpu")):
            for _ in range(epochs):
                for part in (slice(0, 64), slice(64, 100)):  # two mini-batches of at most 64 signals, as in `fit`
                    optimizer.zero_grad()
                    model(torch.from_numpy(X[part]))[0].backward()
                    if with_optimizer:
                        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                        optimizer.step()

    functions = {
        "fit": partial(pretrainer.fit, X),
        "network": partial(train, with_optimizer=False),
        "network and optimizer": partial(train, with_optimizer=True),
    }
    seconds = time_alternately(functions, 9)
    outside_network = 1 - seconds["network"] / seconds["fit"]
    in_optimizer = (seconds["network and optimizer"] - seconds["network"]) / seconds["fit"]
    measured = f"{outside_network:.0%} ({in_optimizer:.0%} in the optimizer)"
    yield "`MAEPretrainer.fit`, 100 signals x 150 samples: fraction of time outside network and CWT", measured, "15 %"


def fit_memory() -> Iterator[Row]:
    """Measure how much the resident memory grows during a fit on a memory-mapped file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "signals.npy"
        X = np.lib.format.open_memmap(path, "w+", np.float32, (20_000, 3000))
        rng = np.random.default_rng(0)
        for start in range(0, len(X), 1000):
            X[start : start + 1000] = rng.standard_normal((1000, 3000), dtype=np.float32)
        X.flush()
        del X
        before = _resident(peak=False)
        start = time.perf_counter()
        MAEPretrainer(init="random", max_epochs=1, random_state=0).fit(np.load(path, mmap_mode="r"))
        seconds = time.perf_counter() - start
        additional = (_resident(peak=True) - before) / 1024
    quantity = (
        "`MAEPretrainer(max_epochs=1).fit`, memory-mapped file of 20,000 signals x 3000 samples: additional memory"
    )
    yield quantity, f"{additional:.2f} GB ({seconds:.0f} s)", "1 GB"


def importing() -> Iterator[Row]:
    """Compare the import time of the package with that of its dependencies."""

    def run(statement: str) -> None:
        subprocess.run([sys.executable, "-c", statement], check=True)

    package, dependencies = "import sktsmae", "import torch, sklearn, skorch"
    seconds = time_alternately({package: partial(run, package), dependencies: partial(run, dependencies)}, 9)
    measured = f"{seconds[package] / seconds[dependencies]:.2f} x ({seconds[package]:.2f} s)"
    yield f"`{package}`: time relative to `{dependencies}`", measured, "1.1 x"


def growth() -> Iterator[Row]:
    """Measure how the time grows with the number of signals, the number of channels and the length."""

    def transform(*shape: int) -> Callable[[], Any]:
        X = signals(*shape)
        return partial(MAEPretrainer(init="random", max_epochs=0, random_state=0).fit(X[:2]).transform, X)

    def fit(*shape: int) -> Callable[[], Any]:
        return partial(MAEPretrainer(init="random", max_epochs=1, random_state=0).fit, signals(*shape))

    cases = {
        "128, 256, 512, 1024 signals x 512 samples": [(n, 512) for n in (128, 256, 512, 1024)],
        "128 signals x 1, 2, 4, 8 channels x 512 samples": [(128, channels, 512) for channels in (1, 2, 4, 8)],
        "16 signals x 500, 1000, 2000, 4000, 8000, 16,000 samples": [
            (16, length) for length in (500, 1000, 2000, 4000, 8000, 16_000)
        ],
    }
    for name, prepare in (("MAEPretrainer.transform", transform), ("MAEPretrainer(max_epochs=1).fit", fit)):
        for sizes, shapes in cases.items():
            seconds = time_alternately({str(shape): prepare(*shape) for shape in shapes}, 5)
            per_sample = [value / np.prod(shape) for shape, value in zip(shapes, seconds.values(), strict=True)]
            measured = ", ".join(f"{value / per_sample[0]:.2f}" for value in per_sample)
            yield f"`{name}`, {sizes}: time per sample relative to the first size", measured, "linear"


def _resident(peak: bool) -> float:
    """Return the current or the peak resident memory of this process in MiB (Linux only)."""
    field = "VmHWM:" if peak else "VmRSS:"
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


SECTIONS = {
    function.__name__: function
    for function in (
        *(cwt, cwt_memory, training, inference, defaults, peer, search, many_channels, many_signals, mapped_signals),
        *(overhead, fit_memory, importing, growth),
    )
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument(
        "--rows-only", action="store_true", help="run one section in this process, without table header"
    )
    options = parser.parse_args()
    if options.rows_only:
        for row in SECTIONS[options.sections[0]]():
            print("|".join(["", *row, ""]), flush=True)
        return
    print("|quantity|measured|goal|\n|---|---|---|", flush=True)
    for name in options.sections or SECTIONS:
        subprocess.run([sys.executable, __file__, name, "--rows-only"], check=True)


if __name__ == "__main__":
    main()
