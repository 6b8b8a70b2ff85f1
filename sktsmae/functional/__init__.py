"""Functions on tensors, without parameters or state. May import torch and NumPy.

One module per topic, each usable alone.
"""
