"""What is trained: one recipe for each kind of data, and one that runs a scientist's own code.

A recipe supplies a model, the loss of each record, how records become tensors, and what is counted
about a model. It never sees the sampling, the noise, the optimiser or the loop: those belong to the
engine, so that no recipe can be unsound in them. Nothing is imported here; `registry` finds a
recipe by name.
"""
