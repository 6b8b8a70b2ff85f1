"""The scikit-learn face: `CWTTransformer`, `MAEPretrainer`, `MAEClassifier`.

May import `models`, scikit-learn and numpy; `_training` alone imports skorch.
"""

from .classifier import MAEClassifier
from .cwt import CWTTransformer
from .pretrainer import MAEPretrainer

__all__ = ["CWTTransformer", "MAEClassifier", "MAEPretrainer"]
