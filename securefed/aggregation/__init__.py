"""How updates combine: clipped, rounded, packed into words, summed exactly, and taken apart again.

Pure numpy: no file, no network, no clock and no randomness of its own. Whatever encrypts the words
lies in an adapter behind the protocols of `securefed.aggregation.chunks`.
"""
