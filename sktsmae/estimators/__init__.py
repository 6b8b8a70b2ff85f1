"""The scikit-learn estimators: transformer, pretrainer, classifier, regressor, anomaly detector, windowed classifier.

These modules may import `training`, `signals`, `models`, `layers`, `functional`, scikit-learn and each other. Each
estimator has its own module. Modules whose names start with an underscore contain shared code.
"""

from .anomaly import MAEAnomalyDetector
from .classifier import MAEClassifier
from .cwt import CWTTransformer
from .pretrainer import MAEPretrainer
from .regressor import MAERegressor
from .windowed import WindowedClassifier

__all__ = [
    "CWTTransformer",
    "MAEAnomalyDetector",
    "MAEClassifier",
    "MAEPretrainer",
    "MAERegressor",
    "WindowedClassifier",
]
