"""Data sets: recordings in the package, synthetic signals for pre-training, and signals in files of the user.

These modules may import `functional`, NumPy, SciPy, scikit-learn, torch and, to read some file types, pandas.
"""

from ._files import read_signals
from ._sparwatch import load_sparwatch
from ._synthetic import make_signals, stream_signals

__all__ = ["load_sparwatch", "make_signals", "read_signals", "stream_signals"]
