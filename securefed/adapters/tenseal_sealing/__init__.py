"""Sealing by BFV with TenSEAL: sites encrypt with a public key, sums open with a custodian's.

    opening = new_opening_key()                      # at the custodian, once a study
    key = opening.public                             # published; key.digest is in every seal
    sealer = BfvSealer(key, shape)                   # at each site, in any number of processes
    adder = BfvAdder(shape)                          # at the coordinator
    opener = BfvOpener(opening, shape)               # at the custodian again

Nothing is imported here, so that naming the package loads no library.
"""
