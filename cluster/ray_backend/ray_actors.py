"""Ray as a pool sees it: actors and calls, and every failure of Ray's as one of two exceptions.

Ray's own restarts and retries are off: the ledger decides what is tried again, and where.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import ray
from ray import exceptions
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from spikeloop.cluster.dispatch.actors import ActorLost, CallRaised, Node
from spikeloop.cluster.dispatch.work_units import MESSAGES_PER_NODE, UNITS_PER_CORE
from spikeloop.cluster.error_lines import first_line, last_line
from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.ray_backend.private_api import draining_nodes
from spikeloop.cluster.ray_backend.reservations import Reservation, Reservations
from spikeloop.workers.actor import EpisodeWorker
from spikeloop.workers.base import Unavailable
from spikeloop.workers.job import Status

POLL_S = 1.0
"""How often Ray's head is asked for its nodes, and for what is free on them."""

SILENCE_S = 30.0
"""A head that does not answer for this time is given up. After 60 s Ray would end this process."""

BLINK_S = 1.0
"""The clock advances by at most this between two readings. So the time in which this process was
stopped, or was busy with something else, counts against no worker."""


class RayActors:
    """The Ray cluster that this process is connected to. Its actors are reservations.

    Args:
        import_path: folder of the user's own classes on the workers, or None.
        run: what the work is called, for the workers' names.
    """

    def __init__(self, import_path: str | None, run: str = "") -> None:
        self._import_path = import_path
        self._run = run
        self._class: Any = ray.remote(EpisodeWorker)
        self._closed = threading.Event()
        self._reservations = Reservations(run)
        self._nodes: list[Node] = self._read_nodes()
        self._looked = time.monotonic()
        self._now = self._heard = 0.0
        # The answer of a head that is gone takes long; the pool's loop must not wait for it.
        self._poll = threading.Thread(target=self._keep_polling, name="nodes", daemon=True)

    @contextmanager
    def polling(self) -> Iterator["RayActors"]:
        """Ask for the nodes again and again, until the end of the block."""
        self._poll.start()
        try:
            yield self
        finally:
            self._closed.set()
            self._poll.join(timeout=POLL_S)

    def now(self) -> float:
        """Return the seconds in which this process was able to notice something."""
        looked, self._looked = self._looked, time.monotonic()
        self._now += min(self._looked - looked, BLINK_S)
        return self._now

    def nodes(self) -> Sequence[Node]:
        """Return the nodes that are alive and offer cores, as last heard."""
        if self._silent():
            raise PoolError(f"Ray's head has not answered for {SILENCE_S:g} s")
        return self._nodes

    def start(self, node: Node, cores: int) -> Reservation:
        """Start a worker on a node; with several cores it runs as many calls as it may hold."""
        reservation = self._reservations.make(node.identifier, cores)
        options = self._class.options(
            num_cpus=cores,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=1 if cores == 1 else UNITS_PER_CORE * (MESSAGES_PER_NODE + 1),
            scheduling_strategy=PlacementGroupSchedulingStrategy(reservation.group, 0),
        )
        reservation.worker = options.remote(self._import_path, cores, self._run)
        return reservation

    def placed(self, actor: Reservation) -> bool:
        """Return whether the worker's reservation was granted."""
        return actor.granted

    def holders(self) -> Mapping[str, int]:
        """Return the cores of other runs, by name."""
        return self._reservations.others

    def call(self, actor: Reservation, method: str, *arguments: Any, name: str = "") -> Any:
        """Call a method, and return the reference to its result."""
        bound = getattr(actor.worker, method)
        return (bound.options(name=name) if name else bound).remote(*arguments)

    def wait(self, calls: Sequence[Any], timeout_s: float) -> list[Any]:
        """Return the calls that have ended, as soon as there is one."""
        if not calls:
            time.sleep(timeout_s)
            return []
        ended, rest = ray.wait(list(calls), num_returns=1, timeout=timeout_s)
        if rest and ended:
            ended += ray.wait(rest, num_returns=len(rest), timeout=0)[0]
        return list(ended)

    def result(self, call: Any) -> Any:
        """Return what a call gave, or raise why it did not."""
        try:
            return ray.get(call)
        except exceptions.RuntimeEnvSetupError as error:
            raise PoolError(f"Ray cannot set up a worker: {first_line(error)}") from error
        except exceptions.RayTaskError as error:
            if isinstance(error.cause, Unavailable):  # of a warm-up: no job can succeed there
                raise PoolError(str(error.cause)) from error
            # Its text is the remote traceback, whose last line is the error itself.
            raise CallRaised(last_line(error), str(error)) from error
        except exceptions.OutOfMemoryError as error:
            raise ActorLost("the worker ran out of memory", Status.OUT_OF_MEMORY) from error
        except exceptions.RayError as error:
            raise _lost(error) from error

    def kill(self, actor: Reservation) -> None:
        """End an actor's process; where the head is gone it ends with this process instead."""
        if not self._silent():  # or Ray would wait for the head until it gives up everything
            ray.kill(actor.worker, no_restart=True)
            self._reservations.give_back(actor)

    def share(self, value: Any) -> Any:
        """Return a reference to the value in the object store; raise PoolError if that is full."""
        try:
            return ray.put(value)
        except exceptions.RayError as error:
            raise PoolError(
                f"Ray's object store does not take a population: {first_line(error)}"
            ) from error

    def _read_nodes(self) -> list[Node]:
        """Ask the head for the nodes as they are now, and wait for its answer."""
        leaving = draining_nodes()
        table: list[dict[str, Any]] = ray.nodes()
        cores = {
            node["NodeID"]: cores
            for node in table
            if node["Alive"] and (cores := int(node["Resources"].get("CPU", 0))) > 0
        }
        taken = self._reservations.update(cores)
        return [Node(node, n, node in leaving, taken[node]) for node, n in cores.items()]

    def _silent(self) -> bool:
        return self.now() > self._heard + SILENCE_S

    def _keep_polling(self) -> None:
        while not self._closed.wait(POLL_S):
            try:
                self._nodes = self._read_nodes()
                self._heard = self._now
            except Exception:  # whatever it is, the head did not answer; ``nodes`` says so in time
                continue


def _lost(error: exceptions.RayError) -> ActorLost:
    """Return why an actor is gone. Ray reports the loss of its node in words only."""
    text = str(error)
    if isinstance(error, exceptions.NodeDiedError | exceptions.ActorUnschedulableError) or (
        "node has died" in text or "node was terminated" in text
    ):
        return ActorLost("the worker's node was lost", Status.WORKER_DIED, with_node=True)
    if getattr(error, "actor_init_failed", False):
        return ActorLost(last_line(error), Status.WORKER_DIED)
    return ActorLost("the worker process died", Status.WORKER_DIED)
