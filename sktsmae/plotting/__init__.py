"""Figures, as Display classes like those of scikit-learn: `from_estimator` computes the arrays, and `plot` draws them.

These modules may import the estimators and `functional`. They import matplotlib only when a figure is drawn.
"""

from .anomaly import AnomalyDisplay
from .ensemble import EnsembleDisplay
from .history import HistoryDisplay
from .reconstruction import ReconstructionDisplay
from .recording import RecordingDisplay
from .relevance import RelevanceDisplay
from .report import report
from .scalogram import ScalogramDisplay

__all__ = [
    "AnomalyDisplay",
    "EnsembleDisplay",
    "HistoryDisplay",
    "ReconstructionDisplay",
    "RecordingDisplay",
    "RelevanceDisplay",
    "ScalogramDisplay",
    "report",
]
