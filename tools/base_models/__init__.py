"""The two small models in `sites/models`, which example studies begin with, and how they are made.

`python -m tools.base_models FOLDER` makes both anew, in some minutes. Training is not the same to
the last bit on every machine, so that a new model has a new digest: the studies that pin the old
one are to be changed with it.
"""
