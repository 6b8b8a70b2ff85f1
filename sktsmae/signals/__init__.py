"""Conversion of the signals that users pass to estimators into batches of tensors, including validation and sharding.

These modules may import only `functional`, numpy, torch, the input validation of scikit-learn and each other.
"""
