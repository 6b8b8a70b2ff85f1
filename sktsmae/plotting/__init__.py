"""Displays in scikit-learn's manner: arrays in, `plot` draws and returns itself, `from_estimator` computes.

May import the estimators; matplotlib is imported only to draw.
"""

from .history import HistoryDisplay
from .reconstruction import ReconstructionDisplay
from .relevance import RelevanceDisplay
from .scalogram import ScalogramDisplay

__all__ = ["HistoryDisplay", "ReconstructionDisplay", "RelevanceDisplay", "ScalogramDisplay"]
