"""Data sets: recordings that are part of the package, and synthetic signals for pre-training.

These modules may import only scikit-learn and NumPy.
"""

from ._sparwatch import load_sparwatch
from ._synthetic import make_signals, stream_signals

__all__ = ["load_sparwatch", "make_signals", "stream_signals"]
