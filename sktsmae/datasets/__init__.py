"""Data to try things on and to pre-train on: recordings that come in the package, and synthetic signals.

May import scikit-learn and numpy.
"""

from ._sparwatch import load_sparwatch
from ._synthetic import make_signals, stream_signals

__all__ = ["load_sparwatch", "make_signals", "stream_signals"]
