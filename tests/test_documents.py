"""The code blocks of CONTRIBUTING.md, and the first of README.md, run and print what the documents show."""

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
def _same_tables():
    """Remove the entries that an example adds to a table."""
    before = [(table, dict(table)) for table in (FEATURES, HEADS, PRETEXT_TASKS)]
    yield
    for table, entries in before:
        table.clear()
        table.update(entries)


def blocks(path: Path) -> list[tuple[str, str]]:
    """Return each Python block of a document, and the block without a language after it, which shows its output."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", path.read_text(), re.DOTALL | re.MULTILINE)
    following = [*fenced[1:], ("", "")]
    return [
        (code, shown if after == "" else "")
        for (language, code), (after, shown) in zip(fenced, following, strict=True)
        if language == "python"
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("_same_tables")
@pytest.mark.parametrize(("name", "number"), [("README.md", 1), (".github/CONTRIBUTING.md", 4)])
def test_the_first_code_blocks_run_and_print_what_is_shown(name, number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mpl.use("agg")
    namespace: dict[str, object] = {"__name__": "document"}
    for code, shown in blocks(ROOT / name)[:number]:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, name, "exec"), namespace)
        if "print(" in code:
            assert printed.getvalue() == shown, code
