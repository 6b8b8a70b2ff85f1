"""The versions that the package is tested with, and under which licences they come.

``versions.py floors`` prints the oldest versions that `pyproject.toml` allows, as constraints. ``versions.py pin`` asks
pip which versions it would install today, of the package and its extras ``test`` and ``distributed``, with the CPU
build of `TORCH`, and writes them with their hashes to ``pinned.txt`` beside this file. ``versions.py licences`` writes
what those that are installed say of their licences to ``licences.md``. The files are of Python 3.11 on Linux, x86-64;
`.ci/run` installs and tests the first two.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from importlib import metadata
from itertools import chain
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
TORCH = "torch==2.13.0"
PINNED = "# Written by versions.py pin. PyTorch's CPU build is from the index that pytorch.org names for it."
# Those of the extras that are more than tools of the tests.
OPTIONAL = ("accelerate", "dask[distributed]", "pandas", "zarr", "h5py")


def floors() -> list[str]:
    """Return a constraint for each requirement that has an oldest version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    oldest = dict(requirement.split(">=") for requirement in requirements if ">=" in requirement)
    names = [requirement.split(">=")[0] for requirement in project["dependencies"]]
    return [f"{name.split('[')[0]}=={oldest[name]}" for name in [*names, *OPTIONAL]]


def pin() -> list[str]:
    """Return a requirement with its hash for everything that pip would install."""
    with tempfile.NamedTemporaryFile() as file:
        command = ["install", "--dry-run", "--ignore-installed", "--quiet", "--report", file.name]
        subprocess.run([sys.executable, "-m", "pip", *command, f"{ROOT}[test]", TORCH], check=True)
        report = json.loads(Path(file.name).read_text())
    lines = []
    for entry in report["install"]:
        name, version = entry["metadata"]["name"], entry["metadata"]["version"]
        if name != "sktsmae":
            lines.append(
                f"{name}=={version} --hash=sha256:{entry['download_info']['archive_info']['hashes']['sha256']}"
            )
    return sorted(lines, key=str.lower)


def licences() -> list[str]:
    """Return a row of a table for everything that is pinned."""
    pinned = re.findall(r"^([\w.-]+)==(\S+) --hash", (HERE / "pinned.txt").read_text(), re.MULTILINE)
    rows = [f"|{name}|{version}|{licence(name)}|" for name, version in pinned]
    return ["|package|version|licence|", "|---|---|---|", *rows]


def licence(name: str) -> str:
    """Return what a package that is installed says of its licence: an expression, else classifiers, else a text."""
    about = metadata.metadata(name)
    if about["License-Expression"]:
        return str(about["License-Expression"])
    classifiers = [each.split(" :: ")[-1] for each in about.get_all("Classifier", []) if each.startswith("License ::")]
    named = [each for each in classifiers if each != "OSI Approved"]
    return ", ".join(named) or (about["License"] or "not said").splitlines()[0]


def main() -> None:
    """Print or write what was asked for."""
    match sys.argv[1:]:
        case ["floors"]:
            print("\n".join(floors()))
        case ["pin"]:
            (HERE / "pinned.txt").write_text("\n".join([PINNED, *pin(), ""]))
        case ["licences"]:
            (HERE / "licences.md").write_text("\n".join([*licences(), ""]))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
