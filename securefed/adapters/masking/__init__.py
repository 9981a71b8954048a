"""Masks by X25519, HKDF and AES-256 in counter mode, all from `cryptography`.

    own = new_mask_key()                                        # at a site, for one update
    masks = site_masks(own, seal, SiteId("hospital-a"), shape)  # own.public stands in the update
    masks = custodian_masks(key, seal, update, shape)           # at each custodian, the same

Also the secure words that a site rounds by chance with. Nothing is imported here.
"""
