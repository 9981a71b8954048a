"""Errors of the blob channel: a ticket or a transfer of large bytes is refused, or breaks off."""

from securefed.errors.family import ApprovalError, EnvironmentFault, ExitCode, IntegrityError


class TicketInvalid(IntegrityError):
    """A ticket is not in its form, or the site that it is shown to did not sign it.

    Nothing of the transfer was read."""

    code = "ticket-invalid"
    hint = "Ask the site for a ticket, and hand it on exactly as it came."


class TicketForeign(IntegrityError):
    """A ticket is genuine but for something else: another site, round, direction or blob.

    The message names what differs."""

    code = "ticket-foreign"
    hint = "Use the ticket of this very transfer; the site gives one for each."


class TicketExpired(ApprovalError):
    """A ticket's time is over, or the site no longer keeps the files of its round."""

    code = "ticket-expired"
    hint = "Ask the site for a new ticket; an upload goes on where it stopped."


class TicketSpent(ApprovalError):
    """A ticket was used to its end: the blob lies there whole, or its receiver said to have it."""

    code = "ticket-spent"
    hint = "Nothing needs to be sent again; ask the site for a new ticket to fetch again."


class BlobDamaged(IntegrityError):
    """The bytes that came do not have the digest that was announced. They were thrown away."""

    code = "blob-damaged"
    hint = "See that the file does not change while it is sent, then send it again."


class BlobLengthWrong(IntegrityError):
    """A transfer is longer or shorter than its ticket says, or begins at another place.

    What came in order and fits is kept, so that the rest can follow."""

    code = "blob-length-wrong"
    hint = "Ask how much is there, then send exactly the rest."


class BlobBusy(EnvironmentFault):
    """Another transfer of the same blob for the same round is under way."""

    code = "blob-busy"
    hint = "Let the other transfer end; if it broke off, try again in a moment."


class BlobSlow(EnvironmentFault):
    """An upload stood still, or nearly. What came is kept."""

    code = "blob-slow"
    hint = "Send again over a better connection: it goes on where it stopped."


class BlobQuotaFull(EnvironmentFault):
    """The site's folder of blobs has no room for this one under its quota."""

    code = "blob-quota-full"
    hint = "Finish or cancel other rounds, or ask the owner of the site for a larger quota."


class BlobUnreachable(EnvironmentFault):
    """A site's blob channel does not answer, or the connection broke again and again."""

    code = "blob-unreachable"
    exit_code = ExitCode.UNREACHABLE
    hint = "Check that the site runs, then try again: the transfer goes on where it stopped."
