"""Check that the files of a run are those that were written, and that none is missing."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import commit_order
from spikeloop.coordinator.store.commit_order import ONCE, PARTS, due
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.coordinator.store.run_store import RunStore


@dataclass(frozen=True)
class Damage:
    """A file that is damaged or missing.

    Attributes:
        what: the file and what is wrong with it, one line.
        sound: the last generation that does not depend on it; -1 if all do.
    """

    what: str
    sound: int


@dataclass(frozen=True)
class Found:
    """The result of ``examine``.

    Attributes:
        n_files: number of files that are as they were written.
        damages: one for each other file.
    """

    n_files: int
    damages: tuple[Damage, ...]


def examine(run: RunFolder, last: int | None = None) -> Found:
    """Read every file of a run, or of its generations up to ``last``, and look for missing ones."""
    config, store = run.config, run.store
    committed = store.generation()
    found = {number for name in PARTS for _, number in store.parts(name)}
    found.update(number for _, number in store.states())
    found.update(config.transfer.monitored(config.run.generations))
    up_to = committed if last is None else min(last, committed)
    wanted: list[tuple[Path, int]] = []
    before = -1
    for number in due(found, config.run.commit_every, up_to):
        wanted.append((store.state_path(number), before))
        for name in PARTS:
            path = store.part_path(name, number)
            if path.exists() or _planned(config, name, number):
                wanted.append((path, before))
        before = number
    if last is None:
        for name in ONCE:
            wanted += [(path, committed) for path, _ in store.parts(name)]
        wanted += [(path, committed) for path in commit_order.sections(store.folder)]
    damages = []
    for path, sound in wanted:
        try:
            store.check(path)
        except ConfigError as error:
            damages.append(Damage(str(error), sound))
    n_files = 1 + len(wanted) - len(damages)  # run.json is one of them
    if last is None:
        damages += _lost(store, config.run.commit_every)
    return Found(n_files, tuple(damages))


def refuse(damages: tuple[Damage, ...], remedy: Callable[[int], str]) -> None:
    """Raise a ConfigError that names the first damaged file and what to do, if there are any."""
    if not damages:
        return
    first = min(damages, key=lambda damage: damage.sound)
    others = f" (and {len(damages) - 1} more, see spikeloop verify)" if len(damages) > 1 else ""
    raise ConfigError(f"{first.what}{others}; {remedy(first.sound)}")


def _planned(config: RunConfig, name: str, number: int) -> bool:
    """Tell whether a committed generation must have this part."""
    if name == "curves":
        return config.transfer.monitors(number, config.run.generations)
    return number > 0


def _lost(store: RunStore, every: int) -> list[Damage]:
    """Find states that are missing although more followed than one interrupted commit leaves."""
    found = [(number, path) for name in PARTS for path, number in store.parts(name)]
    # Read after the parts, and not as of an earlier time, because another process may be writing.
    committed = RunStore(store.folder).generation()
    later = {number for number, _ in found if number > committed}
    if len(later) < 2 and max(later, default=0) <= committed + every:
        return []
    lost = store.state_path(min(*later, committed + every))
    return [Damage(f"{lost}: missing, though {max(found)[1]} came after it", committed)]
