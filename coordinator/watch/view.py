"""What can be watched: a run, or a comparison. Both look at their folder and show what they saw."""

from pathlib import Path
from typing import Any, Protocol

from rich.console import Group, RenderableType
from rich.text import Text

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import printable
from spikeloop.coordinator.watch.ending import Ending
from spikeloop.coordinator.watch.follow import Follower
from spikeloop.coordinator.watch.frame import Room, frame
from spikeloop.coordinator.watch.status import Status, plain, status


class View(Protocol):
    """A folder that is watched."""

    def look(self, limit_s: float = float("inf")) -> None:
        """Reads what is new, for at most about so many seconds; ConfigError if nothing is left."""
        ...

    def show(self, room: Room) -> RenderableType:
        """What was seen."""
        ...

    def as_json(self) -> dict[str, Any]:
        """The same numbers for programs."""
        ...

    @property
    def behind(self) -> bool:
        """Whether the last look left something for the next one."""
        ...

    @property
    def over(self) -> bool:
        """Whether nothing more is to come."""
        ...


class RunView:
    """A run that is watched.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._follower = Follower(folder)
        self._ending: Ending | None = None
        self._problem = ""
        self.status: Status = status(self._follower)

    def look(self, limit_s: float = float("inf")) -> None:
        """Reads what is new."""
        self._follower.poll(limit_s)
        self.status = status(self._follower)
        if self.status.state != "finished":
            self._ending, self._problem = None, ""
        elif self._ending is None and self._follower.transfer():
            try:
                self._ending, self._problem = Ending(self._follower), ""
            except ConfigError as error:
                self._problem = str(error)

    def show(self, room: Room) -> RenderableType:
        """The frame, and how it ended."""
        shown = [frame(self.status, self._follower.rows, room)]
        if self._ending is not None:
            shown.append(self._ending.show(room.columns))
        elif self._problem:
            shown.append(Text(printable(self._problem), "red"))
        return Group(*shown)

    def as_json(self) -> dict[str, Any]:
        """The status, and how it ended."""
        found = self.status.as_json()
        found["problems"] += [printable(self._problem)] if self._problem else []
        found["transfer"] = None if self._ending is None else plain(self._ending.as_json())
        return found

    @property
    def behind(self) -> bool:
        """Whether there are generations that were not read yet."""
        return self.status.unread > 0

    @property
    def over(self) -> bool:
        """Whether it is finished and nobody writes any more; figures come last."""
        if self.status.state != "finished":
            return False
        if self.status.writer is None or self.status.writer.alive is not None:
            return self.status.writer is None or not self.status.writer.alive
        return self._follower.drawn()  # nobody here can look whether that process has ended
