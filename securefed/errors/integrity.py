"""Errors of integrity: bytes are not what they claim to be. Nothing continues on them."""

from securefed.errors.family import IntegrityError


class NotCanonical(IntegrityError):
    """Bytes are not in canonical form, so no signature over them counts.

    Canonical form is JSON with sorted keys, no spaces, no floats and no repeated key."""

    code = "not-canonical"
    hint = "Take the document from its source again; do not edit or reformat it."


class RecordInvalid(IntegrityError):
    """A stored or received record has a field too many, too few, or of the wrong kind."""

    code = "record-invalid"
    hint = "Take the document from its source again, or update securefed."


class SignatureInvalid(IntegrityError):
    """A signature does not match the bytes and the key."""

    code = "signature-invalid"
    hint = "Do not use the document; ask its author to send it again."


class LedgerBroken(IntegrityError):
    """The ledger does not verify: an entry was changed, dropped, reordered or does not follow.

    A site whose ledger does not verify refuses every job."""

    code = "ledger-broken"
    hint = "Stop the site, keep the file, and compare it with a co-signed checkpoint."


class LedgerRolledBack(IntegrityError):
    """The ledger is shorter than, or differs from, a checkpoint that was signed over it before.

    This is what a ledger copied back from a backup looks like. The site refuses every job."""

    code = "ledger-rolled-back"
    hint = "Restore the newest copy of the ledger; never run a site on an older one."


class CheckpointInvalid(IntegrityError):
    """A checkpoint does not have its three lines and a valid signature of its origin."""

    code = "checkpoint-invalid"
    hint = "Paste the whole checkpoint, from its first line to its last."


class EvidenceInvalid(IntegrityError):
    """Evidence does not hold: a signature, a figure or a round in it does not come out.

    The table of checks says what was looked at, and what failed first."""

    code = "evidence-invalid"
    hint = "Do not rely on the document; ask each party for its part again, and compare their keys."


class DataDrifted(IntegrityError):
    """A data file is no longer the one that its card describes. Nothing runs on it."""

    code = "data-drifted"
    hint = "Restore the file, or register the new one: 'securefed site add-data dataset.toml'."


class KeyUnsafe(IntegrityError):
    """A private key's file is readable by others, is missing, or is not a key."""

    code = "key-unsafe"
    hint = "Run 'chmod 600' on the key file, or create a new key if others may have read it."


class RunDeparted(IntegrityError):
    """What a run declares that it executed is not what its token allowed.

    The code, the data, the noise, the sampling, the clip or the number of steps differ. The attempt
    is aborted, stays charged, and nothing that it made leaves the site."""

    code = "run-departed"
    hint = "Find out what ran; file a new request if the code or the data have changed."


class TransitionInvalid(IntegrityError):
    """A round was moved to a state that does not follow from the one that it is in.

    Steps are authorised before they run, never taken back, and settled once."""

    code = "transition-invalid"
    hint = "This is a defect or an attack; keep the ledger and report it."
