"""Cores that workers have been given, or wait for, and those that other runs hold.

Each worker gets its cores as a placement group of one bundle, bound to a node by the label that
Ray gives every node. A placement group is granted whole or not at all, whatever else wants the same
cores at the same time, and can be asked for that; an actor alone cannot: Ray calls it pending both
while it waits for cores and while its process starts. The group's name tells everyone on the
cluster whose it is. Decision 0024 says more.
"""

import math
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ray.util import placement_group, placement_group_table, remove_placement_group

from spikeloop.cluster.ray_backend.private_api import free_resources

PREFIX, MARK = "spikeloop: ", " #"
"""Around the run in the name of a placement group; a random number follows, since Ray wants names
to differ."""


@dataclass(eq=False)
class Reservation:
    """The cores of one worker.

    Attributes:
        group: Ray's handle of the cores.
        worker: Ray's handle of the actor that uses or waits for them.
        granted: whether the worker has them, as last heard.
    """

    group: Any
    node: str
    cores: int
    worker: Any = None
    granted: bool = False


class Reservations:
    """The reservations of one run, and what it knows of others'.

    Args:
        run: what the work is called, for other runs that wait for its cores; "" for no name.

    Attributes:
        others: cores of other runs by name; read only while this one has none.
    """

    def __init__(self, run: str) -> None:
        self.others: Mapping[str, int] = {}
        self._run = run
        self._mine: dict[Reservation, None] = {}

    def make(self, node: str, cores: int) -> Reservation:
        """Ask for cores of a node; does not wait until there are any."""
        name = f"{PREFIX}{self._run}{MARK}{secrets.token_hex(8)}" if self._run else ""
        on_node = {"ray.io/node-id": node}
        group = placement_group([{"CPU": cores}], name=name, bundle_label_selector=[on_node])
        reservation = Reservation(group, node, cores)
        self._mine[reservation] = None
        return reservation

    def give_back(self, reservation: Reservation) -> None:
        """Let others have the cores."""
        self._mine.pop(reservation, None)
        remove_placement_group(reservation.group)

    def update(self, cores: Mapping[str, int]) -> dict[str, int]:
        """Ask Ray what is granted, and what others hold; waits for the head.

        Returns:
            Cores of each node that are neither free nor this run's.
        """
        mine: Counter[str] = Counter()
        for reservation in list(self._mine):
            if not reservation.granted:
                found: Mapping[str, Any] = placement_group_table(reservation.group)
                reservation.granted = found.get("state") == "CREATED"
            if reservation.granted:
                mine[reservation.node] += reservation.cores
        # After the grants: cores that were granted in between count as others' until the next
        # update, and not as free.
        free = free_resources()
        self.others = {} if mine else _cores_of_runs()
        return {
            node: _taken(n - mine[node], free.get(node, {"CPU": n}).get("CPU", 0.0))
            for node, n in cores.items()
        }


def _cores_of_runs() -> Mapping[str, int]:
    """Return the cores that runs hold, by name."""
    found: Counter[str] = Counter()
    for group in placement_group_table().values():
        run, mark, _ = str(group["name"]).removeprefix(PREFIX).rpartition(MARK)
        if mark and group["state"] == "CREATED":
            found[run] += int(sum(bundle.get("CPU", 0) for bundle in group["bundles"].values()))
    return found


def _taken(not_mine: int, free: float) -> int:
    """Return the whole cores that others hold of those that are not this run's.

    The difference may be negative for one update, when cores were given back in between.
    """
    return max(0, math.ceil(not_mine - free - 1e-6))
