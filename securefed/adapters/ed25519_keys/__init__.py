"""Ed25519 keys in private files, with PyNaCl.

signer = create_key(folder / "site.key", "site hospital-a")
verify(signer.key, b"text", signer.sign(b"text"))    # True
"""

from securefed.adapters.ed25519_keys.checking import PooledChecker
from securefed.adapters.ed25519_keys.key_files import create_key, load_key
from securefed.adapters.ed25519_keys.signing import Ed25519Signer, verify

__all__ = ["Ed25519Signer", "PooledChecker", "create_key", "load_key", "verify"]
