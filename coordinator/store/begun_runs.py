"""Which runs and comparisons this user has begun here, noted outside of their folders.

One empty file for each, in the user's state folder, named after the contents of the manifest. So a
folder of a stranger cannot pass for one's own: with a manifest that is noted it names what its user
has named, classes by the whole path of their folder. Where nothing can be noted, nothing is known.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


def note(manifest: Mapping[str, Any]) -> None:
    """Notes that the run or comparison of this manifest was begun here."""
    with suppress(OSError, RuntimeError):  # no home, a full disk, a container that only reads
        record = _record(manifest)
        record.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        record.touch()


def here(manifest: Mapping[str, Any]) -> bool:
    """Whether the run or comparison of this manifest was begun here."""
    try:
        return _record(manifest).is_file()
    except (OSError, RuntimeError):
        return False


def _record(manifest: Mapping[str, Any]) -> Path:
    """The file that stands for a manifest, whether it is there or not."""
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():  # as the XDG Base Directory Specification wants it
        state = Path.home() / ".local" / "state"
    contents = json.dumps(manifest, sort_keys=True).encode()
    return state / "spikeloop" / "began" / hashlib.sha256(contents).hexdigest()
