"""Read a JSON file of a chip, which anybody may have written and which need not be one."""

import json
from pathlib import Path
from typing import Any

LARGEST_FILE = 1_000_000
"""Bytes. A calibration of neurons and sensors has some 140 000; /dev/zero has no end."""


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is too large, or no JSON object.
    """
    with open(path, "rb") as file:
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise ValueError(f"must have at most {LARGEST_FILE} bytes")
    try:
        values = json.loads(data.decode())
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return require_object(values, "the file")


def require_object(value: Any, what: str) -> dict[str, Any]:
    """Return a value that is a JSON object; ValueError that says ``what`` if it is none."""
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be a JSON object, got {type(value).__name__}")
    return value
