"""Data sets: recordings that are part of the package, and synthetic signals for pre-training.

May import scikit-learn and numpy.
"""

from ._sparwatch import load_sparwatch
from ._synthetic import make_signals, stream_signals

__all__ = ["load_sparwatch", "make_signals", "stream_signals"]
