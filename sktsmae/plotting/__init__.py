"""Displays in scikit-learn's manner: arrays in, `plot` draws and returns itself, `from_estimator` computes.

May import the estimators; matplotlib is imported only to draw.
"""

from .attention import AttentionDisplay
from .history import HistoryDisplay
from .reconstruction import ReconstructionDisplay
from .scalogram import ScalogramDisplay

__all__ = ["AttentionDisplay", "HistoryDisplay", "ReconstructionDisplay", "ScalogramDisplay"]
