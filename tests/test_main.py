"""The command line."""

import re

import numpy as np
import pytest

from sktsmae import __main__ as command_line
from sktsmae import __version__
from sktsmae.commands import demo
from sktsmae.datasets import load_sparwatch


def test_hide_labels_leaves_ten_a_class_and_no_other():
    y = load_sparwatch().target
    few = demo.hide_labels(y, np.random.RandomState(0))
    shown = few != demo.HIDDEN
    np.testing.assert_array_equal(few[shown], y[shown])
    labels, counts = np.unique(few[shown], return_counts=True)
    np.testing.assert_array_equal(labels, np.unique(y))
    assert (counts == demo.LABELS_PER_CLASS).all()


@pytest.mark.slow
def test_demo_prints_accuracies_and_saves_figures(tmp_path, capsys):
    assert command_line.main(["demo", "--quick", "--output", str(tmp_path / "figures")]) == 0
    printed = capsys.readouterr()
    accuracies = [float(figure) for figure in re.findall(r" ([01]\.\d{3})", printed.out)]
    assert len(accuracies) == 8  # four methods, few labels and all
    assert min(accuracies) > 1.5 / 7  # seven classes: each is better than chance
    assert str(tmp_path / "figures") in printed.out
    assert "epoch" in printed.err  # the progress bar
    pictures = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert pictures == ["attention.png", "confusion_matrix.png", "history.png", "reconstruction.png", "views.png"]


def test_version_is_printed(capsys):
    with pytest.raises(SystemExit) as ended:
        command_line.main(["--version"])
    assert ended.value.code == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["demo", "--nonsense"]])
def test_wrong_arguments_end_with_usage(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        command_line.main(arguments)
    assert ended.value.code == 2
    assert "usage: python -m sktsmae" in capsys.readouterr().err
