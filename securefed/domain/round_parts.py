"""The parts of a round, by which its seconds and bytes are told, in the order in which they come.

What only a site knows is taken from its word, and only within what was waited for it: a site that
lies about its parts moves seconds from one of its own parts to another, and nothing else.
"""

from enum import StrEnum
from typing import Final

from securefed.domain.errand import Spent


class Part(StrEnum):
    """What a round's time goes to. `wait` is what no other part of a site's explains; `vouch` is
    the exchange of checkpoints."""

    ANNOUNCE = "announce"
    SEND = "send"
    START = "start"
    TRAIN = "train"
    SEAL = "seal"
    UPLOAD = "upload"
    WAIT = "wait"
    FETCH_METRICS = "fetch-metrics"
    FETCH_UPDATE = "fetch-update"
    ADD = "add"
    OPEN = "open"
    STEP = "step"
    VOUCH = "vouch"


# Not parts: the time that a custodian was awaited, within some part; a site's whole share in a
# round, and the whole round, with which it counts.
BACK: Final = "custodian-back"
SHARE: Final = "whole-part"
DONE: Final = "done"


def told_cut(values: int) -> str:
    """What the log says of an update with values beyond the seal's reach; nothing of any other."""
    return f"{values:,} values were cut to the seal's reach" if values else ""


def waited(seconds: float, spent: Spent | None) -> dict[Part, float]:
    """How the wait for a site divides."""
    parts: dict[Part, float] = {}
    if spent is not None:
        for part, said in (
            (Part.START, spent.start),
            (Part.TRAIN, spent.train),
            (Part.SEAL, spent.seal),
            (Part.UPLOAD, spent.upload),
        ):
            parts[part] = min(said / 1000, seconds)
            seconds -= parts[part]
    return {**parts, Part.WAIT: max(seconds, 0.0)}
