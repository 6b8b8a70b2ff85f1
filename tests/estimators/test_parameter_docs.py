"""Tests that the docstrings of the estimators document each parameter, inherited or not, once and with its default."""

from __future__ import annotations

import inspect
import re

import pytest

from sktsmae import (
    CWTTransformer,
    MAEAnomalyDetector,
    MAEClassifier,
    MAEPretrainer,
    MAERegressor,
    WindowedClassifier,
)

ESTIMATORS = [CWTTransformer, MAEPretrainer, MAEClassifier, MAERegressor, MAEAnomalyDetector, WindowedClassifier]


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_each_parameter_is_documented_once(cls):
    section = re.search(r"    Parameters\n    -+\n(.*?)\n\n    Attributes\n", cls.__doc__, re.DOTALL)[1]
    entries = re.findall(r"^    (\w[\w, ]*) : \S", section, re.MULTILINE)
    documented = [name for entry in entries for name in entry.split(", ")]
    assert sorted(documented) == sorted(inspect.signature(cls).parameters)


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_documented_defaults_match_the_signature(cls):
    section = re.search(r"    Parameters\n    -+\n(.*?)\n\n    Attributes\n", cls.__doc__, re.DOTALL)[1]
    defaults = {name: parameter.default for name, parameter in inspect.signature(cls).parameters.items()}
    for entry, text in re.findall(r"^    (\w[\w, ]*) : .*?, default=(.+)$", section, re.MULTILINE):
        # An entry such as "depth, num_heads : int, default=4 and 2" documents several parameters.
        names = entry.split(", ")
        values = [text] if len(names) == 1 else re.split(r", (?:and )?| and ", text)
        for name, value in zip(names, values if len(values) == len(names) else values * len(names), strict=True):
            assert eval(value) == defaults[name], name
