"""Fuzzing bytes read as choices, and files edited by them: cut, filled, moved, doubled.

Every sequence of bytes means something, and where they end all choices are zero, so a fuzzer may
change, shorten and mix them freely. Nothing here is about sealing.
"""


class Choices:
    """Numbers and bytes from the front of the fuzzer's input."""

    def __init__(self, data: bytes) -> None:
        self._left = data

    def number(self, below: int) -> int:
        """A number from 0 on; small bounds take fewer bytes."""
        size = max(1, (below.bit_length() + 7) // 8)
        return int.from_bytes(self._taken(size), "little") % below

    def some_bytes(self, most: int) -> bytes:
        """So many bytes or fewer."""
        return self._taken(self.number(most + 1))

    def _taken(self, size: int) -> bytes:
        found, self._left = self._left[:size], self._left[size:]
        return found


def edited(original: bytes, choices: Choices, *, most: int = 6) -> bytes:
    """The bytes after a few edits; after none they are the same."""
    data = original
    for _ in range(choices.number(most + 1)):
        data = _edited_once(data, choices)
    return data


def _edited_once(data: bytes, choices: Choices) -> bytes:
    place = choices.number(len(data) + 1)
    # Heads and trailers are short beside the chunks, so half of all edits go to the ends.
    near = choices.number(4)
    if near == 0:
        place %= 2048
    elif near == 1:
        place = max(0, len(data) - place % 2048)
    kind = choices.number(5)
    if kind == 0 and place < len(data):
        flipped = data[place] ^ (1 + choices.number(255))
        return data[:place] + bytes([flipped]) + data[place + 1 :]
    if kind == 1:
        return data[:place] + choices.some_bytes(64) + data[place + choices.number(64) :]
    if kind == 2:
        return data[:place]
    span = choices.number(1 << 17)
    part = data[place : place + span]
    if kind == 3:
        return data[:place] + part + data[place:]
    other = choices.number(len(data) + 1)
    return data[:other] + part + data[other + len(part) :]
