"""Private fusion: teachers at a site that vote, the noise on their votes, and the student of all.

Nothing of a teacher leaves a site but its votes, counted together with the others' and noised.
"""
