r"""Checksums: every file that a run leaves behind carries the SHA-256 of its own bytes.

The 64 digits stand in the file itself, after the word ``sha256``: as the last key of a JSON object,
in the key-value metadata of a Parquet file, in the comment of a ``.npz``. They are the digest of
the bytes with the digits themselves replaced by zeros. One rule checks all of them, and no other
reader is disturbed::

    digits = re.findall(rb"sha256\W{2,4}([0-9a-f]{64})", data)[-1]
    assert hashlib.sha256(data.replace(digits, b"0" * 64)).hexdigest().encode() == digits

A checksum tells damage, not deceit: whoever changes a file on purpose can write a new one.
"""

import hashlib
import re

EMPTY = "0" * 64
"""What stands in the place of the digits before a file is sealed."""

_PLACE = re.compile(rb"sha256\W{2,4}([0-9a-f]{64})")


class Broken(ValueError):
    """The bytes are not those that were sealed."""


def insert(data: memoryview) -> None:
    """Writes the digest into the place of the zeros that stand for it."""
    start, stop = _place(data)
    data[start:stop] = _digest(data, start, stop)


def check(data: bytes) -> str:
    """The digits of the checksum, which name these bytes; Broken unless they are their digest."""
    start, stop = _place(data)
    if data[start:stop] != _digest(memoryview(data), start, stop):
        raise Broken("its bytes are not those that were written (SHA-256 differs)")
    return data[start:stop].decode()


def _place(data: bytes | memoryview) -> tuple[int, int]:
    """Where the digits are: whatever else looks like them stands before."""
    places = [place.span(1) for place in _PLACE.finditer(data)]
    if not places:
        raise Broken("it is cut off or was never whole (no SHA-256 in it)")
    return places[-1]


def _digest(data: memoryview, start: int, stop: int) -> bytes:
    digest = hashlib.sha256(data[:start])
    digest.update(EMPTY.encode())
    digest.update(data[stop:])
    return digest.hexdigest().encode()
