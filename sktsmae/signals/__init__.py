"""Conversion of the signals that users pass to estimators into batches of tensors: validation, reading, sharding.

These modules may import only `functional`, numpy, torch, accelerate, the input validation of scikit-learn and each
other.
"""
