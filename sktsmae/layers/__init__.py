"""Layers with trainable parameters, one per module. May import `functional` and torch.

The networks in `models` are built from these layers.
"""
