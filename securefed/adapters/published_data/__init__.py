"""Published data as sites would hold them: read from their files, checked, split, written anew.

The data are published, so nothing here protects them. None of them come with securefed, but for
those of scikit-learn, and nothing is fetched: a person gets the files and names their folder.
"""
