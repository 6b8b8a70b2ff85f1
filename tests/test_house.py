"""The house rules that a machine can hold."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "sktsmae").rglob("*.py"))


def run(*command):
    return subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)


def test_imports_keep_the_contracts():
    result = run("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache")
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


def test_readme_commands_are_those_that_ci_runs():
    readme, ci = (ROOT / "README.md").read_text(), (ROOT / ".ci" / "run").read_text()
    commands = re.search(r'^(python -m pip install "\.\[test\]") && (python -m pytest)$', readme, re.MULTILINE)
    install, test = commands.groups()
    assert install.replace("install", "install --quiet") in ci
    assert test in ci
    assert re.search(r"^python -m pip install \. && python -m sktsmae demo$", readme, re.MULTILINE)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_source_neither_prints_nor_reaches_for_the_network(path):
    source = path.read_text()
    if path.name != "__main__.py" and path.parent.name != "commands":
        assert not re.search(r"\bprint\(", source)
    assert not re.search(r"\b(urllib|requests|socket|http|torch\.hub)\b", source)


def test_import_does_not_bring_matplotlib():
    code = "import sktsmae, sys; assert 'matplotlib' not in sys.modules"
    result = run("-c", code)
    assert result.returncode == 0, result.stderr


def test_every_dependency_says_why_it_is_there():
    text = (ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    extras = project["optional-dependencies"]
    for requirement in [*project["dependencies"], *extras["distributed"], *extras["onnx"], *extras["test"]]:
        assert re.search(rf'"{re.escape(requirement)}",\s+# \w', text), requirement


def test_licences_of_all_dependencies_are_listed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    listed = (ROOT / "tests" / "supply" / "licences.md").read_text().lower().replace("_", "-")
    for requirement in [*project["dependencies"], *extras["distributed"], *extras["onnx"], *extras["test"]]:
        name = re.match(r"[\w-]+", requirement)[0].lower()
        assert name == "sktsmae" or f"|{name}|" in listed, requirement


def test_pinned_versions_have_hashes():
    lines = (ROOT / "tests" / "supply" / "pinned.txt").read_text().splitlines()
    assert len(lines) > 50
    assert all(re.fullmatch(r"[\w.-]+==[\w.+]+ --hash=sha256:[0-9a-f]{64}", line) for line in lines[1:])
