"""Training of networks with skorch, and fits of linear probes by ridge regression.

From this package, these modules may import only `signals`, `models`, `layers`, `functional` and each other. No other
directory imports skorch.
"""
