"""What is in a folder, and damage to it."""

from pathlib import Path


def folder_contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder by its relative path, the lock of a run apart."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def flipped(data: bytes, bit: int | None = None) -> bytes:
    """Return data with one bit flipped, by default the first of the byte after a third."""
    changed, bit = bytearray(data), 8 * (len(data) // 3) if bit is None else bit
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def flip(path: Path) -> None:
    """Flip a bit of a file."""
    path.write_bytes(flipped(path.read_bytes()))
