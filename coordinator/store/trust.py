"""What a folder's configuration may make a command do outside of the folder.

A run folder or a comparison is data of anybody. Its configuration can name classes of its author's
own, whose code would run here, a cluster that would be sent this user's token and could send back
code, a database, and storage to upload to. None of it is used on the word of a folder alone: own
classes load from a configuration file given on the command line, or with ``--trust``, and the
others with ``--trust`` or if the command line names another target.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from spikeloop.coordinator.errors import NeedsTrust

WITHIN = ("tensorboard",)
"""Trackers that write into the run folder alone."""


def require(folder: Path, reaches: Iterable[str], trust: bool) -> None:
    """NeedsTrust, with the first of what a folder's configuration reaches, unless it is trusted."""
    for reach in reaches:
        if not trust:
            raise NeedsTrust(
                f"{folder}: its configuration {reach}; if you trust its author, add --trust"
            )


def reaches(tables: Mapping[str, Any]) -> Iterator[str]:
    """What a resolved configuration would use outside of its folder and of this machine."""
    target = tables["target"]
    if target.get("kind") == "ray" and (address := target.get("address", "auto")) != "auto":
        yield (
            f"would connect to the Ray cluster at {address} with your token (choose another "
            "target with --address, --workers or --inline)"
        )
    if storage := tables["run"].get("upload_to"):
        yield f"would upload its files to {storage}"
    for kind in tables.get("tracking", {}).get("kinds", ()):
        if kind not in WITHIN:
            yield f"would send its numbers to your {kind} (choose trackers with --track)"
    yield from databases(tables)


def databases(tables: Mapping[str, Any]) -> Iterator[str]:
    """The part of ``reaches`` that is about the studies of a comparison."""
    if tables.get("tuning", {}).get("storage"):
        yield "would use the database that tuning.storage names"
