"""Functions on tensors, without parameters or state, one module per topic.

These modules may import only torch, NumPy and each other.
"""
