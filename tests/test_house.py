"""Tests of project rules: import contracts, no printing, no network access, documented and pinned dependencies."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "sktsmae").rglob("*.py"))


def run_python(*arguments):
    """Run Python in the root directory of the project."""
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_imports_obey_the_import_linter_contracts():
    result = run_python("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache")
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


def test_ci_runs_the_commands_in_the_readme():
    readme, ci = (ROOT / "README.md").read_text(), (ROOT / ".ci" / "run").read_text()
    match = re.search(r'^(python -m pip install "\.\[test\]") && (python -m pytest -n auto)$', readme, re.MULTILINE)
    install_command, test_command = match.groups()
    assert install_command.replace("install", "install --quiet") in ci
    assert test_command in ci
    assert re.search(r"^python -m pip install \. && python -m sktsmae demo$", readme, re.MULTILINE)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_source_file_does_not_print_or_use_the_network(path):
    source = path.read_text()
    if path.name != "__main__.py" and path.parent.name != "commands":
        assert not re.search(r"\bprint\(", source)
    assert not re.search(r"\b(urllib|requests|socket|http|torch\.hub)\b", source)


def test_importing_the_package_does_not_import_matplotlib():
    result = run_python("-c", "import sktsmae, sys; assert 'matplotlib' not in sys.modules")
    assert result.returncode == 0, result.stderr


def test_each_dependency_has_a_comment_with_its_reason():
    text = (ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    extras = project["optional-dependencies"]
    for requirement in [
        *project["dependencies"],
        *extras["distributed"],
        *extras["files"],
        *extras["onnx"],
        *extras["test"],
    ]:
        assert re.search(rf'"{re.escape(requirement)}",\s+# \w', text), requirement


def test_licence_of_each_dependency_is_listed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    listed = (ROOT / "tests" / "supply" / "licences.md").read_text().lower().replace("_", "-")
    for requirement in [
        *project["dependencies"],
        *extras["distributed"],
        *extras["files"],
        *extras["onnx"],
        *extras["test"],
    ]:
        name = re.match(r"[\w-]+", requirement)[0].lower()
        assert name == "sktsmae" or f"|{name}|" in listed, requirement


def test_each_pinned_version_has_a_hash():
    lines = (ROOT / "tests" / "supply" / "pinned.txt").read_text().splitlines()
    assert len(lines) > 50
    assert all(re.fullmatch(r"[\w.-]+(\[\w+\])?==[\w.+]+ --hash=sha256:[0-9a-f]{64}", line) for line in lines[1:])
