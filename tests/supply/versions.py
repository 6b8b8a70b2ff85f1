"""Commands that list the versions and licences of the dependencies.

``versions.py floors`` prints pip constraints with the oldest versions that ``pyproject.toml`` allows. ``versions.py
pin`` writes to ``pinned.txt`` the versions and hashes that pip would install today for the package with its extra
``test``, with the CPU build of PyTorch. ``versions.py licences`` writes the licences of these packages to
``licences.md``; they must be installed. Both files are for Python 3.11 on Linux, x86-64. ``.ci/run`` tests the package
with the oldest versions and with the pinned ones.
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
PINNED = (
    "# Written by versions.py pin. The CPU build of PyTorch comes from the package index that pytorch.org recommends."
)
# Packages of the extras that users of the package install; the others are only needed by the tests.
OPTIONAL = ("accelerate", "dask[distributed]", "pandas", "zarr", "h5py")


def floors() -> list[str]:
    """Return constraints that pin each dependency to its oldest allowed version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    oldest = dict(requirement.split(">=") for requirement in requirements if ">=" in requirement)
    names = [requirement.split(">=")[0] for requirement in project["dependencies"]]
    return [f"{name.split('[')[0]}=={oldest[name]}" for name in [*names, *OPTIONAL]]


def pin() -> list[str]:
    """Return a requirement with a hash for each package that pip would install."""
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
    """Return the lines of a Markdown table with the licences of the pinned packages."""
    pinned = re.findall(r"^([\w.-]+)==(\S+) --hash", (HERE / "pinned.txt").read_text(), re.MULTILINE)
    rows = [f"|{name}|{version}|{licence(name)}|" for name, version in pinned]
    return ["|package|version|licence|", "|---|---|---|", *rows]


def licence(name: str) -> str:
    """Return the licence of an installed package from its metadata: the expression, the classifiers or the text."""
    fields = metadata.metadata(name)
    if fields["License-Expression"]:
        return str(fields["License-Expression"])
    classifiers = [each.split(" :: ")[-1] for each in fields.get_all("Classifier", []) if each.startswith("License ::")]
    named = [each for each in classifiers if each != "OSI Approved"]
    return ", ".join(named) or (fields["License"] or "unknown").splitlines()[0]


def main() -> None:
    """Run the command."""
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
