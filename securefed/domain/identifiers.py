"""Names, digests and keys as checked text.

A value of one of these types has been checked once, when it was made, and can be printed, stored,
used as a file name or compared with no further thought. They are plain `str` underneath, so they
cost nothing to carry. Nothing here is secret.
"""

import re
from typing import ClassVar, Self

from securefed.errors import IdentifierInvalid, TextInvalid

# Characters that show nothing or turn others around. The table is fixed here and not taken from
# `unicodedata`, which differs between Python versions: a ledger replays everywhere or nowhere.
_INVISIBLE = re.compile(
    "["
    "\u0000-\u001f\u007f-\u009f"  # controls
    "\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e"  # format characters
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb"  # joiners, directions, breaks
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0"  # fillers and blanks
    "\ufe00-\ufe0f\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff"  # selectors, private
    "\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U0010ffff"  # tags, more selectors, private planes
    "]"
)

# The field of Curve25519, and the five points on it and its twist whose order divides eight.
_FIELD = 2**255 - 19
_LOW_ORDER = {
    0,
    1,
    _FIELD - 1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
}


class _Checked(str):
    """Text that matches its class's pattern."""

    __slots__ = ()
    pattern: ClassVar[re.Pattern[str]]
    example: ClassVar[str]

    def __new__(cls, text: str) -> Self:
        if not cls.pattern.fullmatch(text):
            shown = ascii(text) if len(text) <= 80 else ascii(text[:80]) + "…"
            raise IdentifierInvalid(
                f"{shown} is not a {cls.__name__}", hint=f"Write it like {cls.example!r}."
            )
        return super().__new__(cls, text)


class _Slug(_Checked):
    """A lower-case name that is safe in a path, a URL and a terminal."""

    __slots__ = ()
    pattern = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)


class SiteId(_Slug):
    """The name of a site."""

    __slots__ = ()
    example = "hospital-a"


class DatasetId(_Slug):
    """The name of a dataset at its site."""

    __slots__ = ()
    example = "admissions"


class StudyId(_Slug):
    """The name of a study, the same at every site."""

    __slots__ = ()
    example = "readmission"


class AccountId(_Slug):
    """The name of a person's account at a site."""

    __slots__ = ()
    example = "dana"


class Name(_Slug):
    """Any other name: of a recipe, a model family, a rule, a purpose."""

    __slots__ = ()
    example = "tabular"


class RequestId(_Checked):
    """A code request's name: `cr-` and the first twelve digits of its digest."""

    __slots__ = ()
    pattern = re.compile(r"cr-[0-9a-f]{12}", re.ASCII)
    example = "cr-7f3a90b1c2d4"


class Digest(_Checked):
    """A SHA-256 digest with its name in front."""

    __slots__ = ()
    pattern = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
    example = "sha256:" + "0" * 64

    def short(self) -> str:
        """The digest as people compare it: both ends."""
        return f"{self[:15]}…{self[-4:]}"


class PublicKey(_Checked):
    """An Ed25519 public key in hexadecimal, with its kind in front."""

    __slots__ = ()
    pattern = re.compile(r"ed25519:[0-9a-f]{64}", re.ASCII)
    example = "ed25519:" + "0" * 64

    def short(self) -> str:
        """The key as people compare it: its first digits."""
        return f"{self[:20]}…"


class ExchangeKey(_Checked):
    """An X25519 public key in hexadecimal, with its kind in front.

    A point of low order is refused: whoever agrees on a secret with it gets zeros, or an error when
    it is too late to refuse the update that brought it."""

    __slots__ = ()
    pattern = re.compile(r"x25519:[0-9a-f]{64}", re.ASCII)
    example = "x25519:09" + "0" * 62

    def __new__(cls, text: str) -> Self:
        """A key with which a secret can be agreed."""
        key = super().__new__(cls, text)
        point = int.from_bytes(bytes.fromhex(key[7:]), "little") % 2**255 % _FIELD
        if point in _LOW_ORDER:
            raise IdentifierInvalid("An exchange key is a point of low order")
        return key


class Signature(_Checked):
    """An Ed25519 signature in hexadecimal."""

    __slots__ = ()
    pattern = re.compile(r"[0-9a-f]{128}", re.ASCII)
    example = "0" * 128


class Version(_Checked):
    """A release number of up to four parts."""

    __slots__ = ()
    pattern = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,3}([a-z0-9.+-]{0,20})", re.ASCII)
    example = "1.2.0"


class Line(str):
    """One line of visible text for people: a title, a purpose, a reason."""

    __slots__ = ()
    longest: ClassVar[int] = 200

    def __new__(cls, text: str) -> Self:
        """Text that is not empty, not too long, and shows all that it holds."""
        if not text.strip() or text != text.strip():
            raise TextInvalid("A text is empty or has spaces at its ends")
        if len(text) > cls.longest:
            raise TextInvalid(f"A text has {len(text)} characters; {cls.longest} is the most")
        if hidden := _INVISIBLE.search(text):
            raise TextInvalid(f"A text has the invisible character {hidden[0]!a}")
        return super().__new__(cls, text)


class Sentence(Line):
    """A longer line: what the program itself says, or a parameter that is a list."""

    __slots__ = ()
    longest = 4000
