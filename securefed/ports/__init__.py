"""What the core needs from the world, as Protocols.

An adapter translates one library or one part of the machine into one of these, and its failures
into `securefed.errors`. Each port has an in-memory twin in `adapters/memory.py`, and both stand the
same contract tests. Nothing here knows which library lies behind.
"""

from securefed.ports.basics import (
    Accountant,
    Clock,
    Entropy,
    SecondAccountant,
    SecretFinder,
    Signer,
)
from securefed.ports.blobs import BlobStore, BlobWriter
from securefed.ports.ledgers import LedgerStore, LedgerWriter, SignatureChecker
from securefed.ports.machine import DataMeter, DataWatch, MachineProbe, PlanShelf
from securefed.ports.rounds import RemoteSite, RoundFiles, Workers
from securefed.ports.walls import Walled, Walls

__all__ = [
    "Accountant",
    "BlobStore",
    "BlobWriter",
    "Clock",
    "DataMeter",
    "DataWatch",
    "Entropy",
    "LedgerStore",
    "LedgerWriter",
    "MachineProbe",
    "PlanShelf",
    "RemoteSite",
    "RoundFiles",
    "SecondAccountant",
    "SecretFinder",
    "SignatureChecker",
    "Signer",
    "Walled",
    "Walls",
    "Workers",
]
