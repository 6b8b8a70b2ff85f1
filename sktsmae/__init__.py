"""Masked autoencoders on wavelet images of time series, as scikit-learn estimators."""

__version__ = "0.1.0"
