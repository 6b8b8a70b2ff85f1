"""Training of networks: the skorch loop with callbacks, checkpoints and seeds, and ridge fits of linear probes.

These modules may import only `signals`, `models` and below, scikit-learn, skorch and each other. No other directory
imports skorch.
"""
