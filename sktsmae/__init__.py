"""Masked autoencoders on wavelet images of time series, as scikit-learn estimators."""

from .estimators import (
    CWTTransformer,
    MAEAnomalyDetector,
    MAEClassifier,
    MAEPretrainer,
    MAERegressor,
    WindowedClassifier,
)

__version__ = "0.1.0"

__all__ = [
    "CWTTransformer",
    "MAEAnomalyDetector",
    "MAEClassifier",
    "MAEPretrainer",
    "MAERegressor",
    "WindowedClassifier",
    "__version__",
]
