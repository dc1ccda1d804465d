r"""Write and check the checksum in a file, the SHA-256 of its own bytes.

The 64 digits stand in the file itself, after the word ``sha256``: as the last key of a JSON object,
in the key-value metadata of a Parquet file, in the comment of an ``.npz``. They are the digest of
the bytes with the digits themselves replaced by zeros. One rule checks all files, and no other
reader is disturbed::

    digits = re.findall(rb"sha256\W{2,4}([0-9a-f]{64})", data)[-1]
    assert hashlib.sha256(data.replace(digits, b"0" * 64)).hexdigest().encode() == digits

A checksum reveals damage, not forgery: it can be written again after a deliberate change.
"""

import hashlib
import re

KEY = "sha256"
"""Name of the checksum in a file's JSON or metadata."""
EMPTY = "0" * 64
"""Zeros in place of the digits, before the checksum is written."""

_PLACE = re.compile(rb"sha256\W{2,4}([0-9a-f]{64})")


class Broken(ValueError):
    """The bytes do not agree with their checksum."""


def insert(data: memoryview) -> None:
    """Write the digest in place of the zeros."""
    start, stop = _place(data)
    data[start:stop] = _digest(data, start, stop)


def check(data: bytes) -> str:
    """Give the checksum, which names these bytes; Broken unless it is their digest."""
    start, stop = _place(data)
    if data[start:stop] != _digest(memoryview(data), start, stop):
        raise Broken("its bytes are not those that were written (SHA-256 differs)")
    return data[start:stop].decode()


def _place(data: bytes | memoryview) -> tuple[int, int]:
    """Find the digits; all else that looks like them stands before them."""
    places = [place.span(1) for place in _PLACE.finditer(data)]
    if not places:
        raise Broken("it is cut off or was never whole (no SHA-256 in it)")
    return places[-1]


def _digest(data: memoryview, start: int, stop: int) -> bytes:
    digest = hashlib.sha256(data[:start])
    digest.update(EMPTY.encode())
    digest.update(data[stop:])
    return digest.hexdigest().encode()
