"""Small real data that comes in the package, loaded as `sklearn.datasets` does.

May import scikit-learn and numpy.
"""

from ._sparwatch import load_sparwatch

__all__ = ["load_sparwatch"]
