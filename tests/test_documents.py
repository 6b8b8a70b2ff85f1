"""Tests that the first code blocks of README.md and CONTRIBUTING.md run and print the output shown there."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import matplotlib as mpl
import pytest

from sktsmae.models import FEATURES, HEADS, PRETEXT_TASKS

ROOT = Path(__file__).parent.parent


@pytest.fixture
def _restored_tables():
    """Remove the features, heads and pretext tasks that an example adds to the tables."""
    before = [(table, dict(table)) for table in (FEATURES, HEADS, PRETEXT_TASKS)]
    yield
    for table, entries in before:
        table.clear()
        table.update(entries)


def python_blocks(path: Path) -> list[tuple[str, str]]:
    """Return each Python block of a document with its output, which is the next block if that has no language."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", path.read_text(), re.DOTALL | re.MULTILINE)
    following = [*fenced[1:], ("", "")]
    return [
        (code, output if next_language == "" else "")
        for (language, code), (next_language, output) in zip(fenced, following, strict=True)
        if language == "python"
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("_restored_tables")
@pytest.mark.parametrize(("name", "n_blocks"), [("README.md", 1), (".github/CONTRIBUTING.md", 4)])
def test_first_code_blocks_run_and_print_the_output_in_the_document(name, n_blocks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mpl.use("agg")
    namespace: dict[str, object] = {"__name__": "document"}
    for code, output in python_blocks(ROOT / name)[:n_blocks]:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, name, "exec"), namespace)
        if "print(" in code:
            assert printed.getvalue() == output, code
