"""Trainable parts of the networks, one idea a file.

May import `sktsmae.functional` and torch.
"""
