"""Models that somebody else has trained: found in a folder of the site, pinned by their digest.

Nothing here reaches the network but `fetching`, which a person runs before a study. Nothing loads a
pickle or runs code that a folder brings along.
"""
