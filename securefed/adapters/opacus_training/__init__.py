"""Training with differential privacy, by Opacus. Importing a module of this folder loads torch.

So far it holds the cross-check of the accounting. Nothing is imported here.
"""
