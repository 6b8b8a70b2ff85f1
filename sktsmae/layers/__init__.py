"""Layers of the networks in `models`, one per module.

These modules may import only `functional`, torch and each other.
"""
