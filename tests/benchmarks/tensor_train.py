"""Benchmark of tensor-train linear layers in the MLPs of the encoder, next to dense and low-rank layers.

Run ``python tests/benchmarks/tensor_train.py [DATA] [--signals N]``. The first table has the number of parameters of
an MLP and the time of a `Block` at three embedding sizes. The times are medians of alternating runs, relative to dense
layers. If DATA is given, a folder as for ``waveform.py``, the second table has the accuracy of frozen embeddings:
encoders with these layers are pre-trained on N synthetic signals and compared as in ``waveform.py``.

The class `TensorTrainLinear` is not part of the package. The last results are in ``tensor_train.md``.
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from bisect import bisect_right
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from waveform import SEEDS, accuracies, compare, pretrain

from sktsmae.commands.pretrain import SIGNAL_LEN
from sktsmae.datasets import make_signals
from sktsmae.layers.block import Block
from sktsmae.layers.low_rank import MIN_RANK, LowRankLinear
from sktsmae.layers.mlp import LinearFactory

# Embedding size, number of attention heads, and number of signals of 65 tokens in a batch.
SIZES = [(64, 2, 16), (256, 4, 16), (768, 12, 4)]
NUM_TOKENS = 65
REPEATS = 23
# Embedding sizes of the pre-trained encoders.
ACCURACY_SIZES = {64: 2, 256: 4}  # and numbers of attention heads
# Rank ratios of `LowRankLinear`. Tensor trains have the largest ranks that need at most as many parameters.
RANK_RATIOS = (0.5, 0.125)


class TensorTrainLinear(nn.Module):
    """Linear layer whose weight matrix is a tensor train (matrix product operator).

    The inputs and the outputs are indexed by d digits each, and the weight is a product of d cores: the core k of shape
    (r_(k-1), i_k, o_k, r_k) has the k-th digits of the input and of the output.

    Parameters
    ----------
    in_features, out_features : int
        Numbers of input and output features.
    rank : int
        Maximum number r_k of connections between two cores.
    num_cores : int, default=2
        Number d of cores.

    References
    ----------
    A. Novikov et al., "Tensorizing neural networks", NeurIPS 2015.

    X. Ma et al., "A tensorized transformer for language modeling", NeurIPS 2019.
    """

    def __init__(self, in_features: int, out_features: int, rank: int, num_cores: int = 2) -> None:
        super().__init__()
        shapes = core_shapes(in_features, out_features, rank, num_cores)
        # The weight is a sum over all ranks of products of d values. Its variance is that of Xavier initialisation.
        num_paths = math.prod(shape[-1] for shape in shapes)
        std = (2 / (in_features + out_features) / num_paths) ** (0.5 / num_cores)
        self.cores = nn.ParameterList(torch.randn(shape) * std for shape in shapes)
        self.bias = nn.Parameter(torch.zeros(out_features))

    def weight(self) -> Tensor:
        """Return the weight matrix (out_features, in_features)."""
        weight = torch.ones(1, 1, 1, device=self.bias.device)  # (out digits, in digits, r)
        for core in self.cores:
            weight = torch.einsum("abr,rios->aobis", weight, core).flatten(2, 3).flatten(0, 1)
        return weight[..., 0]

    def contract(self, x: Tensor) -> Tensor:
        """Return the product of the weight matrix and inputs (n, in_features), core by core."""
        x = x[:, None, None]  # (n, out digits, r, in digits)
        for core in self.cores:
            x = torch.einsum("narib,rios->naosb", x.unflatten(-1, (core.shape[1], -1)), core).flatten(1, 2)
        return x[..., 0, 0]

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer in the way that needs fewer multiplications."""
        num_inputs = x[..., 0].numel()
        by_weight, by_core = multiplications([tuple(core.shape) for core in self.cores], num_inputs)
        if by_weight <= by_core:
            return F.linear(x, self.weight(), self.bias)
        return self.contract(x.flatten(0, -2)).unflatten(0, x.shape[:-1]) + self.bias


def core_shapes(in_features: int, out_features: int, rank: int, num_cores: int) -> list[tuple[int, int, int, int]]:
    """Return the shapes (r, in digits, out digits, r') of the cores. Ranks that would be redundant are reduced."""
    ins, outs = factorise(in_features, num_cores), factorise(out_features, num_cores)
    sizes = [i * o for i, o in zip(ins, outs, strict=True)]
    ranks = [min(rank, math.prod(sizes[:k]), math.prod(sizes[k:])) for k in range(num_cores + 1)]
    return list(zip(ranks, ins, outs, ranks[1:], strict=False))


def factorise(number: int, num_factors: int) -> list[int]:
    """Return factors of a number that are as equal as possible."""
    factors = []
    for remaining in range(num_factors, 0, -1):
        root = number ** (1 / remaining)
        factor = min((k for k in range(1, number + 1) if number % k == 0), key=lambda k: abs(math.log(k / root)))
        factors.append(factor)
        number //= factor
    return factors


def multiplications(shapes: list[tuple[int, ...]], num_inputs: int) -> tuple[int, int]:
    """Return the number of multiplications with the weight matrix, and core by core."""
    ins, outs = [shape[1] for shape in shapes], [shape[2] for shape in shapes]
    by_weight = num_inputs * math.prod(ins) * math.prod(outs)
    by_core = 0
    for k, shape in enumerate(shapes):
        by_weight += math.prod(ins[:k]) * math.prod(outs[:k]) * math.prod(shape)
        by_core += num_inputs * math.prod(outs[:k]) * math.prod(ins[k + 1 :]) * math.prod(shape)
    return by_weight, by_core


def tensor_train(num_cores: int, rank_ratio: float) -> LinearFactory:
    """Return a function that makes tensor-train layers with at most as many parameters as low-rank layers."""

    def make(in_features: int, out_features: int) -> TensorTrainLinear:
        budget = count(LowRankLinear(in_features, out_features, rank_ratio)) - out_features  # without the bias

        def size(rank: int) -> int:
            return sum(map(math.prod, core_shapes(in_features, out_features, rank, num_cores)))

        rank = bisect_right(range(1, in_features * out_features), budget, key=size)
        return TensorTrainLinear(in_features, out_features, rank, num_cores)

    return make


def layers(dim: int) -> dict[str, LinearFactory]:
    """Return the kinds of linear layers at an embedding size, by name."""
    kinds: dict[str, LinearFactory] = {"dense": nn.Linear}
    for ratio in RANK_RATIOS:
        if dim * ratio >= MIN_RANK:  # otherwise the rank would exceed the ratio
            kinds[f"low rank, ratio {ratio:g}"] = partial(LowRankLinear, rank_ratio=ratio)
            for num_cores in (2, 3):
                name = f"tensor train of {num_cores} cores, as many parameters as ratio {ratio:g}"
                kinds[name] = tensor_train(num_cores, ratio)
    return kinds


def count(module: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


def seconds(function: Callable[[], Any]) -> float:
    """Return the time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def print_speed(dim: int, num_heads: int, batch: int) -> None:
    """Print the rows of the first table for an embedding size."""
    blocks = {name: Block(dim, num_heads, 4.0, linear) for name, linear in layers(dim).items()}
    x = torch.randn(batch, NUM_TOKENS, dim)
    cos = torch.ones(1, 1, NUM_TOKENS, dim // num_heads // 2)

    def forward(block: Block) -> None:
        with torch.inference_mode():
            block(x, cos, 0 * cos)

    def train_step(block: Block) -> None:
        block.zero_grad()
        block(x, cos, 0 * cos).sum().backward()

    medians = []
    for run in (forward, train_step):
        times = [[seconds(partial(run, block)) for block in blocks.values()] for _ in range(REPEATS)]
        medians.append(np.median(times[3:], axis=0))  # (kinds,); the first repeats allocate memory
    for (name, block), inference, training in zip(blocks.items(), *medians, strict=True):
        ratios = f"{inference / medians[0][0]:.2f}|{training / medians[1][0]:.2f}"
        print(f"|{dim}|{name}|{count(block.mlp):,}|{1000 * inference:.2f}|{1000 * training:.2f}|{ratios}|", flush=True)


def print_accuracy(folder: Path, dim: int, n_signals: int) -> None:
    """Print the rows of the second table for an embedding size."""
    params = {"embed_dim": dim, "num_heads": ACCURACY_SIZES[dim]}
    baseline = None
    for name, linear in layers(dim).items():
        scores, losses = [], []
        for seed in SEEDS:
            X = make_signals(n_signals, SIGNAL_LEN, random_state=seed)
            # The encoder calls the class of its linear layers with the rank ratio, which these layers do not have.
            with patch("sktsmae.models.encoder.LowRankLinear", lambda i, o, rank_ratio, linear=linear: linear(i, o)):
                pretrainer = pretrain(params, X, seed)
                scores.append(accuracies(pretrainer.transform, folder, seed))
            losses.append(pretrainer.history_[-1]["train_loss"])
        values = np.array(scores)
        baseline = values if baseline is None else baseline
        print(f"|{dim}|{name}|{np.mean(losses):.4f}|{compare(values, baseline)}|", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", metavar="DATA", type=Path, nargs="?", help="folder with the data sets")
    parser.add_argument("--signals", type=int, default=12_800, help="number of synthetic signals for pre-training")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64], help="embedding sizes of the second table")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="The least populated class")
    torch.manual_seed(0)
    print("|size|linear layers|parameters of the MLP|forward (ms)|training step (ms)|forward / dense|step / dense|")
    print("|---:|---|" + "---:|" * 5)
    for size in SIZES:
        print_speed(*size)
    if options.data is not None:
        print("\n|size|linear layers|training loss|accuracy|difference from dense|\n|---:|---|" + "---:|" * 3)
        for dim in options.sizes:
            print_accuracy(options.data, dim, options.signals)


if __name__ == "__main__":
    main()
