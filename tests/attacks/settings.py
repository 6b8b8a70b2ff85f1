"""Test of model files whose parameters and settings were chosen by a stranger.

Run ``python tests/attacks/settings.py [NAME ...]``; the names are the keys of `ESTIMATORS`. Each value in the metadata
of a valid model file is replaced in turn by absurd and negative numbers, values of other types, and paths. Each file
must either load or raise ValueError, within ten seconds and 2 GB of additional memory; a loaded estimator must predict
or raise ValueError, and must not have taken over a path. The script prints a Markdown table; its exit status is 1 if a
file fails.
"""

from __future__ import annotations

import copy
import json
import struct
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mutated_files import SMALL, limit_memory, time_limit

from sktsmae import MAEClassifier, MAEPretrainer, MAERegressor

PATH = "/tmp/of-a-stranger"
NUMBERS = [0, -1, 0.5, 1e300, 2_000_000, 2**31, 10**30]
VALUES = [*NUMBERS, True, None, "x", "<U200000000", PATH, [], [1, 2, 3], [10**9], [2_000_000, 60], {}, {"items": 3}]
# Parameters that a file of an earlier version, or of an attacker, may contain.
EXTRA = ("callbacks", "checkpoint_dir", "device", "init", "pretrainer", "no_such_parameter")
X = np.random.default_rng(0).normal(size=(8, 60))
RULES = {"columns": ("a", "b"), "long": True, "id": "recording", "time": "time", "x_key": "X"}
ESTIMATORS: dict[str, Callable[[], Any]] = {
    "pretrainer": lambda: MAEPretrainer(**SMALL, max_epochs=0, random_state=0),
    "default classifier": lambda: MAEClassifier(random_state=0),
    "fine-tuned classifier": lambda: MAEClassifier(
        pretrainer=MAEPretrainer(**SMALL, max_epochs=0), finetune="full", head="mlp", max_epochs=1, random_state=0
    ),
    "regressor": lambda: MAERegressor(random_state=0),
}


def leaves(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the keys that lead to each container and each value inside nested containers."""
    if place:
        yield place
    items = value.items() if isinstance(value, dict) else enumerate(value[:4]) if isinstance(value, list) else ()
    for key, entry in items:
        yield from leaves(entry, (*place, key))


def replaced(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    """Return a copy of nested containers in which one value is replaced."""
    changed = copy.deepcopy(value)
    container = changed
    for key in place[:-1]:
        container = container[key]
    container[place[-1]] = new
    return changed


def try_file(path: Path, load: Callable[[Path], Any]) -> str:
    """Load a file and predict; return "refused", "loaded", or what went wrong."""
    try:
        with time_limit():
            estimator = load(path)
            if PATH in (getattr(estimator, name, None) for name in EXTRA):
                return "a path was taken over"
            getattr(estimator, "predict", estimator.transform)(X)
    except ValueError:
        return "refused"
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:100]}"
    return "loaded"


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    limit_memory()
    failed = 0
    print("|file|files|loaded|refused|failed|\n|---|---:|---:|---:|---:|")
    for name in sys.argv[1:] or ESTIMATORS:
        outcomes: Counter[str] = Counter()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.safetensors"
            estimator = ESTIMATORS[name]()
            estimator.fit(X, [0, 1] * 4)
            if isinstance(estimator, MAEClassifier):
                estimator.reading_rules_ = RULES
            estimator.save(path)
            content = path.read_bytes()
            size = struct.unpack("<Q", content[:8])[0]
            header, tensors = json.loads(content[8 : 8 + size]), content[8 + size :]
            metadata = json.loads(header["__metadata__"]["sktsmae"])
            places = [*leaves(metadata), *(("estimator", "params", extra) for extra in EXTRA)]
            for place in places:
                for value in VALUES:
                    header["__metadata__"]["sktsmae"] = json.dumps(replaced(metadata, place, value))
                    text = json.dumps(header).encode()
                    path.write_bytes(struct.pack("<Q", len(text)) + text + tensors)
                    outcome = try_file(path, type(estimator).load)
                    if outcome not in ("loaded", "refused"):
                        print(f"{name}, {'.'.join(map(str, place))}={value!r}: {outcome}", file=sys.stderr, flush=True)
                        outcome = "failed"
                    outcomes[outcome] += 1
        print(f"|{name}|{sum(outcomes.values())}|{outcomes['loaded']}|{outcomes['refused']}|{outcomes['failed']}|")
        failed += outcomes["failed"]
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
