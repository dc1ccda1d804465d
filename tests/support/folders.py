"""What is in a folder."""

from pathlib import Path


def folder_contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder by its relative path, the lock of a run apart."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
