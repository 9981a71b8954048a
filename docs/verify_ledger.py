"""Verifies a ledger from `securefed ledger export`, with PyNaCl and without securefed.

python verify_ledger.py EXPORT KEY [CHECKPOINT]    # KEY is the site's public key, from the site
"""

import base64
import hashlib
import json
import sys
from pathlib import Path

from nacl.signing import VerifyKey

header, *lines = Path(sys.argv[1]).read_text("utf-8").removesuffix("\n").split("\n")
site, key = json.loads(header)["site"], VerifyKey(bytes.fromhex(sys.argv[2][len("ed25519:") :]))
hashes = ["sha256:" + "0" * 64]
for index, line in enumerate(lines):
    row = json.loads(line)
    signed = b"securefed/v1/ledger-entry\n" + row["entry"].encode("utf-8")
    key.verify(signed, bytes.fromhex(row["signature"]))  # raises BadSignatureError
    entry = json.loads(row["entry"])
    if (entry["site"], entry["index"], entry["previous"]) != (site, index, hashes[-1]):
        sys.exit(f"entry {index} does not follow the one before")
    hashes.append("sha256:" + hashlib.sha256(signed).hexdigest())
if len(sys.argv) > 3:  # without a checkpoint, nobody can tell that the end was cut off
    text, _, signatures = Path(sys.argv[3]).read_text("utf-8").partition("\n\n")
    origin, size, last = text.split("\n")
    [own] = [one.split()[2] for one in signatures.split("\n") if f" {origin} " in one]
    key.verify(text.encode() + b"\n", base64.b64decode(own)[4:])  # after four bytes of key id
    wanted = "sha256:" + base64.b64decode(last).hex()
    if origin != f"securefed.ledger/{site}" or wanted not in hashes[int(size) : int(size) + 1]:
        sys.exit(f"the ledger does not contain the checkpoint of {size} entries")
print(f"{len(lines)} entries of {site} verify; the head is {hashes[-1]}")
