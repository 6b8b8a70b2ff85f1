"""How a network is trained: the loop of skorch with callbacks, checkpoints and seeds; and ridge fits of linear probes.

May import `signals`, `models` and below, scikit-learn and skorch, which no other room imports.
"""
