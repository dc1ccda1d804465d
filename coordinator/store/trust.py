"""What commands do on the word of a folder alone: nothing outside of it.

A run folder or a comparison is data, whoever made it. Its configuration can name what lies beyond:
classes of its author's own, whose code would run here; a cluster that is not this machine's, which
would be shown this user's token and could send back code; a database; a place for copies. None
of it is used unless its user says so, by ``--trust``, by naming another target on the command line,
or by having begun it here themselves.
"""

import importlib
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import atomic_files, begun_runs
from spikeloop.coordinator.store.folder_kind import COMPARISON_MANIFEST, RUN_MANIFEST


def require(folder: Path, reaches: Iterable[str], trusted: bool) -> None:
    """ConfigError if a folder's word leads outside and its user has not said that it may."""
    for reach in reaches:
        if not trusted:
            raise ConfigError(
                f"{folder}: its configuration {reach}; if you trust its author, add --trust"
            )


def reaches(tables: Mapping[str, Any]) -> Iterator[str]:
    """What a run or comparison would use that lies outside of its folder and of this machine.

    Args:
        tables: of its configuration, as resolved.
    """
    target, run = _table(tables, "target"), _table(tables, "run")
    if target.get("kind") == "ray" and (address := target.get("address", "auto")) != "auto":
        yield (
            f"would connect to the Ray cluster at {address} with your token (choose another "
            "target with --address, --workers or --inline)"
        )
    if copy := run.get("copy_to"):
        yield f"would copy its files to {copy}"
    yield from databases(tables)


def databases(tables: Mapping[str, Any]) -> Iterator[str]:
    """The part of ``reaches`` that is of the studies."""
    if _table(tables, "tuning").get("storage"):
        yield "would use the database that tuning.storage names"


def own_classes(tables: Mapping[str, Any]) -> list[str]:
    """The modules of its author's own classes that a configuration names."""
    places = [*tables.values(), *_table(tables, "strategies").values()]
    kinds = [place.get("kind") for place in places if isinstance(place, Mapping)]
    own = [kind for kind in kinds if isinstance(kind, str) and ":" in kind]
    return sorted({kind.partition(":")[0] for kind in own})


def can_import(manifest: Mapping[str, Any], folder: Path | None = None) -> bool:
    """Whether this machine has the own classes of a run; no code of theirs is run to find out.

    Args:
        manifest: of the run.
        folder: where to look; by default the folder that the manifest names, and all those in which
            Python looks.
    """
    named = manifest.get("working_dir")
    places = [str(folder)] if folder else [*([named] if isinstance(named, str) else []), *sys.path]
    importlib.invalidate_caches()
    tops = {module.partition(".")[0] for module in own_classes(_table(manifest, "config"))}
    try:
        return all(PathFinder.find_spec(top, places) is not None for top in tops)
    except ValueError:  # a path that can be none
        return False


def remember(manifest: Mapping[str, Any]) -> None:
    """Notes that its user begins a run or comparison here, where that would be asked later."""
    tables = _table(manifest, "config")
    if own_classes(tables) or any(reaches(tables)):
        begun_runs.note(manifest)


def again(command: str, folder: Path, *options: str) -> str:
    """The command line that goes on with a folder, as a shell takes it.

    Args:
        command: such as "resume".
        folder: of a run or a comparison, which need not be there.
        options: further words.
    """
    manifest = _manifest(folder)
    tables = _table(manifest, "config")
    outside = {"resume": reaches, "transfer": reaches, "verify": databases}.get(command)
    asked = bool(own_classes(tables)) or (outside is not None and any(outside(tables)))
    trust = ["--trust"] if asked and command != "watch" and not begun_runs.here(manifest) else []
    return shlex.join(["spikeloop", command, str(folder), *options, *trust])


def again_with(classes: Path, command: str, folder: Path) -> str:
    """As ``again``, where Python finds the own classes only if it is told their folder."""
    path = os.pathsep.join(filter(None, [str(classes), os.environ.get("PYTHONPATH")]))
    return f"PYTHONPATH={shlex.quote(path)} {again(command, folder)}"


def _manifest(folder: Path) -> dict[str, Any]:
    """What a folder says of itself; nothing if that cannot be read."""
    for name in (COMPARISON_MANIFEST, RUN_MANIFEST):
        with suppress(ConfigError):
            return atomic_files.read_json(folder / name)
    return {}


def _table(tables: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """One of several tables; what is none has no keys."""
    found = tables.get(name)
    return found if isinstance(found, Mapping) else {}
