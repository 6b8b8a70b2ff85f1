"""Whatever users hand in, until it is a batch of tensors: containers, lazy sources, validation, batches, shards.

May import `functional`, numpy, torch and the input validation of scikit-learn.
"""
