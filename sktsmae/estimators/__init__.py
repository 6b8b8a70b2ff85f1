"""The scikit-learn face: `CWTTransformer`, `MAEPretrainer`, `MAEClassifier`.

May import `models`, scikit-learn and numpy; `_nets`, `_callbacks` and `_training` alone import skorch.
"""

from .classifier import MAEClassifier
from .cwt import CWTTransformer
from .pretrainer import MAEPretrainer

__all__ = ["CWTTransformer", "MAEClassifier", "MAEPretrainer"]
