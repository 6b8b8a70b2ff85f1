"""The scikit-learn estimators: a transformer, a pretrainer, a classifier, a regressor and an anomaly detector.

These modules may import `training`, `signals`, `models`, `layers`, `functional`, scikit-learn and each other. Each
estimator has its own module. Modules whose names start with an underscore contain shared code.
"""

from .anomaly import MAEAnomalyDetector
from .classifier import MAEClassifier
from .cwt import CWTTransformer
from .pretrainer import MAEPretrainer
from .regressor import MAERegressor

__all__ = ["CWTTransformer", "MAEAnomalyDetector", "MAEClassifier", "MAEPretrainer", "MAERegressor"]
