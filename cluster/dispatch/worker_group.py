"""The workers behind a pool: it starts and warms them up, sends messages, and replaces lost ones.

A worker group knows actors and messages; the ledger knows what becomes of jobs. The pool's loop
passes the events of the one to the other.

Each node of the cluster gets as many workers as it has cores for that no other run holds. A node
that joins later gets its workers then, and so does one whose cores become free; one that is about
to leave gets no new work; one on which workers do not start is avoided for a while, and ends
the run only if there is no other.

Two runs may see the same free cores and start workers for them. Ray gives the cores to one of the
two. The workers of the other are withdrawn, which is no failure, and started where cores are free.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from spikeloop.cluster.dispatch.actors import ActorLost, Actors, CallRaised, Node
from spikeloop.cluster.dispatch.backoff import Backoff
from spikeloop.cluster.dispatch.call_names import CallNames
from spikeloop.cluster.dispatch.events import Broke, Done, Event, Lost, Ready
from spikeloop.cluster.dispatch.messages import MessagePacker
from spikeloop.cluster.dispatch.work_units import Message
from spikeloop.cluster.dispatch.worker_record import WorkerRecord
from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.progress import CoreShortage, StartCounts
from spikeloop.workers.fingerprint import difference, fingerprint
from spikeloop.workers.job import Job, Status

LOST_RACE_S = 3.0
"""A worker that has no cores after this time, though they were free when it was started, is
withdrawn if another run holds them. By then the table of nodes was read after the start."""


class WorkerGroup:
    """Workers on all nodes of a cluster.

    Args:
        actors: the cluster.
        warm_up: the job each worker does before it is ready.
        warm_up_timeout_s: for starting, and again for the warm-up job.
        cores_per_worker: cores of a worker, or "node" for one worker with all cores of its node.
        max_workers: largest number of workers; None for as many as there is room for.
        own: folder of the user's own classes here, or None.
        logs: where Ray's logs are, for the message that no worker can be started.
    """

    def __init__(
        self,
        actors: Actors,
        warm_up: Job,
        warm_up_timeout_s: float,
        cores_per_worker: int | Literal["node"] = 1,
        max_workers: int | None = None,
        own: Path | None = None,
        logs: str = "Ray's logs",
    ) -> None:
        self.n_replaced = 0
        self._actors = actors
        self._warm_up: Job | None = warm_up
        self._warm_up_timeout_s = warm_up_timeout_s
        self._cores_per_worker = cores_per_worker
        self._max_workers = max_workers
        self._own = own
        self._logs = logs
        self._workers: dict[int, WorkerRecord] = {}
        self._backoff = Backoff()
        self._packer = MessagePacker(actors)
        self._names = CallNames()
        self._next_worker = 0
        self._failed_warm_ups = 0

    @property
    def ready(self) -> list[int]:
        """Workers that can be given messages."""
        return [
            worker
            for worker, record in self._workers.items()
            if record.ready and not record.unconfirmed and not record.node.leaving
        ]

    @property
    def leaving(self) -> list[int]:
        """Workers on nodes that will go soon and have nothing more to do."""
        return [
            worker
            for worker, record in self._workers.items()
            if record.node.leaving and not record.messages
        ]

    @property
    def starting(self) -> bool:
        """Whether some workers are not ready yet."""
        return any(not record.ready for record in self._workers.values())

    @property
    def waiting(self) -> bool:
        """Whether there are nodes, but others hold so many cores that there is no worker at all."""
        if any(record.placed for record in self._workers.values()):
            return False
        now = self._actors.now()
        nodes = [node for node in self._usable() if not self._backoff.avoided(node, now)]
        return bool(nodes) and not any(self._free_room(node) for node in nodes)

    @property
    def shortage(self) -> CoreShortage:
        """What the cluster's cores are used for, when there are too few for a worker."""
        nodes = self._usable()
        return CoreShortage(
            taken=sum(node.taken for node in nodes),
            total=sum(node.cores for node in nodes),
            needed=min((self._cores_on(node) for node in nodes), default=0),
            holders=self._actors.holders(),
        )

    @property
    def start_counts(self) -> StartCounts:
        """How many workers with cores are ready, compiling or loading."""
        placed = [record for record in self._workers.values() if record.placed]
        ready = sum(record.ready for record in placed)
        compiling = sum(not record.ready and record.warm_up is not None for record in placed)
        return StartCounts(ready, compiling, len(placed) - ready - compiling)

    @property
    def has_room(self) -> bool:
        """Whether any node that stays has room for a worker, taken or not."""
        return bool(self._usable())

    @property
    def n_cores(self) -> int:
        """Cores of the workers that are ready."""
        return sum(record.cores for record in self._workers.values() if record.ready)

    def fill(self) -> None:
        """Start a worker wherever one is missing, and record which nodes are about to leave."""
        now = self._actors.now()
        nodes = {node.identifier: node for node in self._actors.nodes()}
        there = dict.fromkeys(nodes, 0)
        for record in self._workers.values():
            record.node = nodes.get(record.node.identifier, record.node)
            record.node_gone = record.node.identifier not in nodes
            if not record.node_gone:
                there[record.node.identifier] += 1
        self._settle_races(there, now)
        for node in nodes.values():
            if node.leaving or self._backoff.avoided(node, now):
                continue
            for _ in range(there[node.identifier], self._free_room(node)):
                if self._max_workers is not None and len(self._workers) >= self._max_workers:
                    return
                self._start(node, now)

    def begin_run(self) -> None:
        """Forget the grids of the last run, here and, with the next message, on the workers."""
        self._packer.begin_run()
        for record in self._workers.values():
            record.grids.clear()
            record.bringing.clear()

    def send(self, worker: int, message: Message, jobs: Sequence[Job]) -> None:
        """Send a message to a ready worker."""
        record = self._workers[worker]
        # A grid is known once a message with it has come back: messages may overtake each other, or
        # break. The payload is one argument, because Ray packs each argument on its own.
        packed = self._packer.pack(message, jobs, record.grids)
        name = self._names.name(message, jobs)
        call = self._actors.call(
            record.actor, "evaluate", packed.payload, *packed.beside, name=name
        )
        record.messages[call] = message
        record.bringing[call] = packed.brings

    def events(self, timeout_s: float) -> list[Event]:
        """Wait for events, at most ``timeout_s``, and return all that have happened."""
        owners = {call: worker for worker, m in self._workers.items() for call in m.calls}
        ended = [(call, self._result(call)) for call in self._actors.wait(list(owners), timeout_s)]
        ended.sort(key=lambda one: isinstance(one[1], ActorLost))  # results count before losses
        events: list[Event] = []
        for call, value in ended:
            if owners[call] in self._workers:  # else lost by an earlier event
                events += self._read(owners[call], call, value)
        now = self._actors.now()
        for worker, record in list(self._workers.items()):
            if record.node_gone:
                self.dismiss(worker)
                events.append(Lost(worker, Status.WORKER_DIED, "the worker's node was lost", True))
            elif record.unconfirmed and now > record.deadline:
                self.dismiss(worker)
                events.append(Lost(worker, Status.TIMED_OUT, "it did not answer"))
            elif not record.ready and now > record.deadline:
                events.append(
                    self._start_failed(worker, Status.TIMED_OUT, "took too long to start")
                )
        return events

    def dismiss(self, worker: int) -> None:
        """Kill a worker; no event of it follows."""
        record = self._workers.pop(worker, None)
        if record is not None:
            self._actors.kill(record.actor)
            self.n_replaced += record.ready and not record.node.leaving

    def close(self) -> None:
        """Kill all workers."""
        for worker in list(self._workers):
            self._actors.kill(self._workers.pop(worker).actor)
        self._packer.begin_run()

    def _settle_races(self, there: dict[str, int], now: float) -> None:
        """Record which workers have been given cores, and withdraw those whose cores others got.

        The numbers of workers by node, ``there``, are reduced by those that are withdrawn.
        """
        for worker, record in list(self._workers.items()):
            if record.placed or record.node_gone:
                continue
            node = record.node.identifier
            too_many = there[node] > self._free_room(record.node)
            if self._actors.placed(record.actor):
                record.placed = True
                record.deadline = now + self._warm_up_timeout_s  # it starts only now
            elif too_many and now > record.started + LOST_RACE_S:
                there[node] -= 1
                self.dismiss(worker)

    def _usable(self) -> list[Node]:
        return [node for node in self._actors.nodes() if not node.leaving and self._room(node)]

    def _room(self, node: Node) -> int:
        """Return how many workers a node has cores for."""
        return node.cores // self._cores_on(node)

    def _free_room(self, node: Node) -> int:
        """Return how many workers a node has cores for that no other run holds."""
        return max(0, node.cores - node.taken) // self._cores_on(node)

    def _cores_on(self, node: Node) -> int:
        return node.cores if self._cores_per_worker == "node" else self._cores_per_worker

    def _start(self, node: Node, now: float) -> None:
        cores = self._cores_on(node)
        actor = self._actors.start(node, cores)
        hello = self._actors.call(actor, "hello")
        deadline = now + self._warm_up_timeout_s
        self._workers[self._next_worker] = WorkerRecord(actor, node, cores, hello, now, deadline)
        self._next_worker += 1

    def _result(self, call: Any) -> Any:
        """Return what an ended call gave, or the error that it raised."""
        try:
            return self._actors.result(call)
        except (CallRaised, ActorLost) as error:
            return error

    def _read(self, worker: int, call: Any, value: Any) -> list[Event]:
        """Turn the end of one call into events."""
        record = self._workers[worker]
        if isinstance(value, CallRaised):
            return [self._raised(worker, call, value)]
        if isinstance(value, ActorLost):
            return [self._gone(worker, value)]
        if record.ready and call == record.hello:
            record.unconfirmed = False
            return []
        if record.ready:
            record.grids.update(record.bringing.pop(call, ()))
            return [Done(worker, record.messages.pop(call), value)]
        if call == record.hello:
            record.placed = True
            self._require_same_code(*value)
            if self._warm_up is not None:
                record.warm_up = self._actors.call(record.actor, "warm_up", self._warm_up)
                record.deadline = self._actors.now() + self._warm_up_timeout_s
                return []
        else:
            self._failed_warm_ups = 0
        record.ready = True
        self._backoff.clear(record.node)
        return [Ready(worker, record.cores)]

    def _require_same_code(self, name: str, theirs: dict[str, str]) -> None:
        differs = difference(fingerprint(self._own), theirs)
        if differs:
            raise PoolError(
                f"worker {name} runs other code than this process: {differs}; "
                "install the same on all machines, and do not edit it while a run goes on"
            )

    def _raised(self, worker: int, call: Any, error: CallRaised) -> Event:
        record = self._workers[worker]
        if not record.ready:
            raise PoolError(
                f"a worker cannot take jobs: {error}; "
                "its code and the folder of your own classes must be importable there"
            ) from error
        record.bringing.pop(call, None)  # what broke may have been the arrival of a grid
        return Broke(worker, record.messages.pop(call), str(error), error.traceback)

    def _gone(self, worker: int, error: ActorLost) -> Event:
        """Record the loss of a worker, and ask its node's idle workers whether they are alive."""
        record = self._workers[worker]
        if record.ready:
            self.dismiss(worker)
            for other in self._workers.values():
                if other.node.identifier == record.node.identifier and other.ready:
                    if error.with_node:
                        other.node_gone = True
                    elif not other.messages and not other.unconfirmed:
                        self._ask_if_alive(other)
            return Lost(worker, error.status, str(error), error.with_node)
        if error.with_node:  # and it may still be listed for a moment
            self._backoff.pause(record.node, self._actors.now())
            self.dismiss(worker)
            return Lost(worker, error.status, str(error), True)
        return self._start_failed(worker, error.status, str(error))

    def _ask_if_alive(self, record: WorkerRecord) -> None:
        """Give no work to an idle worker until it has answered."""
        record.unconfirmed = True
        record.hello = self._actors.call(record.actor, "hello")
        record.deadline = self._actors.now() + self._warm_up_timeout_s

    def _start_failed(self, worker: int, status: Status, reason: str) -> Event:
        """Remove a worker that never got ready, and decide whether to try again.

        A learner that kills its process does so in the warm-up too. The run reports that as failed
        episodes, so the warm-up is given up after two deaths in a row. A start that failed on one
        node may succeed on another: the pool gives up only when there is no worker at all and every
        node has failed too often. A start that takes too long, or a learner that hangs in the
        warm-up as it would in every episode, is tried only once more.
        """
        record = self._workers[worker]
        self.dismiss(worker)
        if record.warm_up is not None and status != Status.TIMED_OUT:
            self._failed_warm_ups += 1
            if self._failed_warm_ups >= 2:
                self._warm_up = None
            return Lost(worker, status, reason)
        n_failed = self._backoff.failed(
            record.node, self._actors.now(), for_good=status == Status.TIMED_OUT
        )
        if self._workers or not self._backoff.hopeless(self._usable()):
            return Lost(worker, status, reason)
        if record.warm_up is not None:
            raise PoolError(
                "one episode at the default parameters took longer than "
                f"{self._warm_up_timeout_s:g} "
                "s in the warm-up: the learner hangs, or raise warm_up_timeout_s in [target]"
            )
        raise PoolError(
            f"no worker can be started, {n_failed} failed in a row: {reason}; "
            f"run `spikeloop doctor`, or look into {self._logs}"
        )
