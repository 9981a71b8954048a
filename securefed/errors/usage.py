"""Errors of input: the command, a file or a value is not usable, and nothing was changed."""

from securefed.errors.family import UsageError


class ConfigInvalid(UsageError):
    """A configuration file has an unknown key, a missing one, or a value of the wrong kind.

    The message names the file, the key's path, what was expected and what was found. Unknown keys
    are errors because a misspelt limit would otherwise be no limit."""

    code = "config-invalid"
    hint = "Correct the named key; the JSON Schemas in docs/schemas list every key."


class IdentifierInvalid(UsageError):
    """A name does not have the form that names have here: lower-case letters, digits and dashes,
    at most 63 characters, beginning with a letter or digit."""

    code = "identifier-invalid"
    hint = "Use lower-case letters, digits and dashes, for example 'hospital-a'."


class TextInvalid(UsageError):
    """A title or reason is empty, too long, or has invisible characters.

    Control characters, direction marks and private-use characters are refused because they can make
    a terminal or a page show something other than what is signed."""

    code = "text-invalid"
    hint = "Use one line of visible characters."


class NumberInvalid(UsageError):
    """A number is outside its range: NaN, infinite, negative, zero, fractional, or too large."""

    code = "number-invalid"
    hint = "Give a finite number in the range that the message names."


class NotFound(UsageError):
    """The named thing does not exist at this site."""

    code = "not-found"
    hint = "List what exists with the noun's 'list' or 'show' command."


class AlreadyExists(UsageError):
    """A thing with this name exists already, and names are never used twice."""

    code = "already-exists"
    hint = "Choose another name; a name in the ledger is never reused."


class NotAllowedHere(UsageError):
    """The account exists but does not have the role that this needs, or is disabled.

    A person never approves a request of their own."""

    code = "not-allowed-here"
    hint = "Ask the owner of the site; 'securefed account list' shows who may do what."


class NotInThisState(UsageError):
    """The decision does not fit where the request stands: pending requests are approved or denied,
    approved ones are revoked."""

    code = "not-in-this-state"
    hint = "See where it stands with 'securefed request show'."


class DataErased(UsageError):
    """The owner erased the dataset at this site: nothing reads it, and no request names it.

    What was spent on it stays spent. The owner can register it again under the same name and with
    the same privacy unit, and goes on with what is left of its budget."""

    code = "data-erased"
    hint = "Ask the owner, or register the data again: 'securefed site add-data dataset.toml'."


class DataUnreadable(UsageError):
    """A data file is missing, empty, not UTF-8, or its columns are not those of the data card."""

    code = "data-unreadable"
    hint = "Compare the file with its data card; 'securefed site check' reads every file again."


class ScriptUnreadable(UsageError):
    """A script to lint is not Python, not UTF-8, or larger or deeper than any training script.

    The script is only parsed: nothing in it runs, whatever it says."""

    code = "script-unreadable"
    hint = "Give one Python file; declare numbers with --declared where there is no script."
