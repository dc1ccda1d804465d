"""What commands do on the word of a folder alone: nothing outside of it.

A run folder or a comparison is data, whoever made it. Its configuration can name what lies beyond:
classes of its author's own, whose code would run here; a cluster that is not this machine's, which
would be shown this user's token and could send back code; a database; a place for copies. None
of it is used unless the user says so, by ``--trust`` or by naming another target on the command
line.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from spikeloop.cluster.attached import Attached
from spikeloop.coordinator.config import RunConfig
from spikeloop.coordinator.errors import ConfigError


def require(folder: Path, reaches: Iterable[str], trust: bool) -> None:
    """ConfigError if a folder's word leads outside and its user has not said that it may."""
    for reach in reaches:
        if not trust:
            raise ConfigError(
                f"{folder}: its configuration {reach}; if you trust its author, add --trust"
            )


def reaches(config: RunConfig) -> Iterator[str]:
    """What a run would use that lies outside of its folder and of this machine."""
    target = config.target
    if isinstance(target, Attached) and target.address != "auto":
        yield (
            f"would connect to the Ray cluster at {target.address} with your token (choose another "
            "target with --address, --workers or --inline)"
        )
    if copy := config.tables()["run"].get("copy"):
        yield f"would copy its files to {copy}"


def again(folder: Path, config: RunConfig) -> str:
    """The arguments of commands that go on with one's own run: its folder, and what is needed."""
    own = any(":" in table.get("kind", "") for table in config.tables().values())
    return f"{folder} --trust" if own or any(reaches(config)) else str(folder)
