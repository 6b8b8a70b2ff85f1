"""The scikit-learn estimators: `CWTTransformer`, `MAEPretrainer`, `MAEClassifier`, `MAERegressor`.

These modules may import `training`, `signals`, `models`, `layers`, `functional`, scikit-learn and each other. Each
estimator has its own module. Modules whose names start with an underscore contain shared code.
"""

from .classifier import MAEClassifier
from .cwt import CWTTransformer
from .pretrainer import MAEPretrainer
from .regressor import MAERegressor

__all__ = ["CWTTransformer", "MAEClassifier", "MAEPretrainer", "MAERegressor"]
