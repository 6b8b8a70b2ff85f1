"""The scikit-learn face: `CWTTransformer`, `MAEPretrainer`, `MAEClassifier`, `MAERegressor`.

May import `models`, scikit-learn and numpy; `_nets`, `_callbacks` and `_training` alone import skorch.
"""

from .classifier import MAEClassifier
from .cwt import CWTTransformer
from .pretrainer import MAEPretrainer
from .regressor import MAERegressor

__all__ = ["CWTTransformer", "MAEClassifier", "MAEPretrainer", "MAERegressor"]
