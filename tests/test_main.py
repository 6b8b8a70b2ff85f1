"""Tests of the command line: help, exit codes, error lines, and the demo."""

import re
import warnings

import numpy as np
import pytest

from sktsmae import __main__ as command_line
from sktsmae import __version__
from sktsmae.commands import demo, embed
from sktsmae.datasets import load_sparwatch


def test_hide_labels_keeps_ten_labels_per_class():
    y = load_sparwatch().target
    partial_labels = demo.hide_labels(y, np.random.RandomState(0))
    has_label = partial_labels != demo.HIDDEN
    np.testing.assert_array_equal(partial_labels[has_label], y[has_label])
    labels, counts = np.unique(partial_labels[has_label], return_counts=True)
    np.testing.assert_array_equal(labels, np.unique(y))
    assert (counts == demo.LABELS_PER_CLASS).all()


@pytest.mark.slow
def test_demo_prints_accuracies_and_saves_figures(tmp_path, capsys, monkeypatch):
    data = demo.load_data()
    part = demo.Data(*(values[::2] for values in data))
    monkeypatch.setattr(demo, "load_data", lambda: part)  # to save time
    monkeypatch.setattr(demo, "EPOCHS", 1)
    assert command_line.main(["demo", "--output", str(tmp_path / "figures")]) == 0
    printed = capsys.readouterr()
    accuracies = [float(number) for number in re.findall(r" ([01]\.\d{3})", printed.out)]
    assert len(accuracies) == 6  # three classifiers, each with few labels and with all labels
    assert max(accuracies) <= 1
    assert min(accuracies[:2]) > 3 / 7  # of the default classifier; chance is 1 / 7
    assert str(tmp_path / "figures") in printed.out
    assert "epoch" in printed.err  # the progress bar
    files = sorted(path.name for path in (tmp_path / "figures").iterdir())
    networks = ["history.png", "relevance.png"]
    assert files == sorted([*networks, "confusion_matrix.png", "ensemble.png", "reconstruction.png", "views.png"])
    assert "no effect" not in printed.err  # no warning about unused parameters


def test_version_is_printed(capsys):
    with pytest.raises(SystemExit) as exit_error:
        command_line.main(["--version"])
    assert exit_error.value.code == 0
    assert __version__ in capsys.readouterr().out


def test_help_lists_all_commands_and_exit_codes(capsys):
    with pytest.raises(SystemExit) as exit_error:
        command_line.main(["--help"])
    assert exit_error.value.code == 0
    text = capsys.readouterr().out
    assert all(re.search(rf"^ +{name} +\w", text, re.MULTILINE) for name in command_line.COMMANDS)
    assert "130 interrupted" in " ".join(text.split())


@pytest.mark.parametrize("name", command_line.COMMANDS)
def test_help_of_each_command_contains_a_valid_example(name, capsys):
    with pytest.raises(SystemExit) as exit_error:
        command_line.main([name, "--help"])
    assert exit_error.value.code == 0
    example = re.search(r"^example:\n  python -m sktsmae (.+)$", capsys.readouterr().out, re.MULTILINE)[1]
    options = command_line.build_parser().parse_args(example.split())
    assert options.command == name


ERRORS = [
    (ValueError("a.csv:\n  wrong"), 1, "sktsmae embed: a.csv: wrong\n"),
    (FloatingPointError("diverged"), 1, "sktsmae embed: diverged\n"),
    (MemoryError("too large"), 1, "sktsmae embed: too large\n"),
    (KeyboardInterrupt(), 130, "sktsmae embed: interrupted\n"),
]


@pytest.mark.parametrize(("error", "code", "line"), ERRORS, ids=[type(error).__name__ for error, _, _ in ERRORS])
def test_error_is_printed_as_one_line_with_its_exit_code(error, code, line, monkeypatch, capsys):
    def run(options):
        raise error

    monkeypatch.setattr(embed, "run", run)
    assert command_line.main(["embed", "a.csv"]) == code
    assert capsys.readouterr().err == line


def test_warning_is_printed_as_one_line_without_source_location(monkeypatch, capsys):
    monkeypatch.setattr(embed, "run", lambda options: warnings.warn("too many\nchannels", UserWarning, stacklevel=1))
    assert command_line.main(["embed", "a.csv"]) == 0
    assert capsys.readouterr().err == "sktsmae embed: warning: too many channels\n"


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["demo", "--nonsense"]])
def test_invalid_arguments_print_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as exit_error:
        command_line.main(arguments)
    assert exit_error.value.code == 2
    assert "usage: python -m sktsmae" in capsys.readouterr().err
