"""Begin the folder of a comparison or a sweep."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import command_line
from spikeloop.coordinator.store import atomic_files


def begin(folder: Path, manifest: str, described: Mapping[str, Any]) -> None:
    """Make a folder with its manifest; ConfigError if it holds something or cannot be written."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        hint = (
            f"go on with: {command_line('resume', folder)}"
            if (folder / manifest).exists()
            else "choose another with --out (in Python with out=)"
        )
        raise ConfigError(f"{folder}: exists already; {hint}")
    try:
        atomic_files.make_folder(folder)
        atomic_files.write_json(folder / manifest, described)
    except OSError as error:
        raise ConfigError(
            f"{folder}: cannot be written ({error.strerror}); choose another with --out (in Python "
            "with out=)"
        ) from error
