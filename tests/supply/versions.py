"""Command-line script that lists the versions and licences of the dependencies.

``versions.py floors`` prints pip constraints with the oldest versions that ``pyproject.toml`` allows.

``versions.py pin`` writes ``pinned.txt``. It contains the version and hash of each package that pip would install today
for this package with its extra ``test``.

``versions.py licences`` writes ``licences.md``. It contains the licence of each package in ``pinned.txt``; these
packages must be installed.

Both files are for Python 3.11 on Linux, x86-64. ``.ci/run`` runs all tests with the oldest versions, and a part of them
with the pinned versions.
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
TORCH = "torch==2.13.0"  # the version of which `.ci/run` installs the CPU build
PINNED_HEADER = (
    "# Written by `versions.py pin`. The CPU build of PyTorch comes from the package index that pytorch.org recommends."
)
# Optional dependencies that are tested in their oldest versions, like the required ones. Other optional dependencies
# are not constrained.
OPTIONAL = ("accelerate", "dask[distributed]", "pandas", "polars", "pyarrow", "zarr", "h5py")


def floors() -> list[str]:
    """Return pip constraints that pin the dependencies and `OPTIONAL` to their oldest allowed versions."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    oldest = dict(requirement.split(">=") for requirement in requirements if ">=" in requirement)
    names = [requirement.split(">=")[0] for requirement in project["dependencies"]]
    return [f"{name.split('[')[0]}=={oldest[name]}" for name in [*names, *OPTIONAL]]


def pin() -> list[str]:
    """Return a requirement with version and hash for each package that pip would install, in alphabetical order."""
    with tempfile.NamedTemporaryFile() as file:
        command = ["install", "--dry-run", "--ignore-installed", "--quiet", "--report", file.name]
        subprocess.run([sys.executable, "-m", "pip", *command, f"{ROOT}[test]", TORCH], check=True)
        report = json.loads(Path(file.name).read_text())
    metadata_of_packages = [entry["metadata"] for entry in report["install"]]
    required = [
        line
        for package in metadata_of_packages
        for line in package.get("requires_dist", [])
        if package["name"] == "sktsmae" or "extra ==" not in line
    ]
    # If a package is required with extras, as in "coverage[toml]", pip ignores a pinned version without these extras.
    with_extras = dict(re.match(r"([\w.-]+)(\[[\w,]+\])?", line).groups("") for line in sorted(required))
    lines = []
    for entry in report["install"]:
        name, version = entry["metadata"]["name"], entry["metadata"]["version"]
        if name != "sktsmae":
            extras, digest = with_extras.get(name, ""), entry["download_info"]["archive_info"]["hashes"]["sha256"]
            lines.append(f"{name}{extras}=={version} --hash=sha256:{digest}")
    return sorted(lines, key=str.lower)


def licences() -> list[str]:
    """Return the lines of a Markdown table with the licences of the pinned packages."""
    pinned = re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==(\S+) --hash", (HERE / "pinned.txt").read_text(), re.MULTILINE)
    rows = [f"|{name}|{version}|{licence(name)}|" for name, version in pinned]
    return ["|package|version|licence|", "|---|---|---|", *rows]


def licence(name: str) -> str:
    """Return the licence of an installed package from its metadata.

    It is the licence expression if there is one, otherwise the licence classifiers, otherwise the first line of the
    licence text.
    """
    fields = metadata.metadata(name)
    if fields["License-Expression"]:
        return str(fields["License-Expression"])
    classifiers = [line.split(" :: ")[-1] for line in fields.get_all("Classifier", []) if line.startswith("License ::")]
    names = [name for name in classifiers if name != "OSI Approved"]
    return ", ".join(names) or (fields["License"] or "unknown").splitlines()[0]


def main() -> None:
    """Run the command that is named on the command line."""
    match sys.argv[1:]:
        case ["floors"]:
            print("\n".join(floors()))
        case ["pin"]:
            (HERE / "pinned.txt").write_text("\n".join([PINNED_HEADER, *pin(), ""]))
        case ["licences"]:
            (HERE / "licences.md").write_text("\n".join([*licences(), ""]))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
