"""Tensor mathematics without parameters or state: every function here maps tensors to tensors.

May import torch and nothing else.
"""
