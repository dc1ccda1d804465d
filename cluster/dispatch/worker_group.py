"""The workers behind a pool: it starts and warms them up, sends messages, and replaces lost ones.

A worker group knows actors and calls, and tells the ledger how they ended; the ledger knows what
becomes of jobs.

Each node of the cluster gets as many workers as it has cores for that no other run holds. A node
that joins later gets its workers then, and so does one whose cores become free; one that is about
to leave gets no new work; one on which workers do not start is avoided for a while, and ends
the run only if there is no other.

Two runs may see the same free cores and start workers for them. Ray gives the cores to one of the
two. The workers of the other are withdrawn, which is no failure, and started where cores are free.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from spikeloop.cluster.dispatch.actors import ActorLost, Actors, CallRaised, Node
from spikeloop.cluster.dispatch.call_names import CallNames
from spikeloop.cluster.dispatch.ledger import Ended, Ledger
from spikeloop.cluster.dispatch.messages import MessagePacker
from spikeloop.cluster.dispatch.node_room import NodeRoom
from spikeloop.cluster.dispatch.work_units import Message
from spikeloop.cluster.dispatch.worker_record import WorkerRecord
from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.progress import StartCounts
from spikeloop.workers.fingerprint import difference, fingerprint
from spikeloop.workers.job import Job, Status

LOST_RACE_S = 3.0
"""A worker that has no cores after this time, though they were free when it was started, is
withdrawn if another run holds them. By then the table of nodes was read after the start."""


class WorkerGroup:
    """Workers on all nodes of a cluster.

    Args:
        actors: the cluster they are on.
        ledger: hears of every worker that is ready or lost, and of every message that has ended.
        warm_up: the jobs each worker does before it is ready.
        warm_up_timeout_s: for starting, and again for each warm-up job.
        cores_per_worker: cores of a worker, or "node" for one worker with all cores of its node.
        max_workers: largest number of workers; None for as many as there is room for.
        own: folder of the user's own classes here, or None.
        logs: where Ray's logs are, for the message that no worker can be started.
    """

    def __init__(
        self,
        actors: Actors,
        ledger: Ledger,
        warm_up: Sequence[Job],
        warm_up_timeout_s: float,
        cores_per_worker: int | Literal["node"] = 1,
        max_workers: int | None = None,
        own: Path | None = None,
        logs: str = "Ray's logs",
    ) -> None:
        self.n_replaced = 0
        self._actors = actors
        self._ledger = ledger
        self._warm_up = tuple(warm_up)
        self._warm_up_timeout_s = warm_up_timeout_s
        self.room = NodeRoom(actors, cores_per_worker)
        self._max_workers = max_workers
        self._own = own
        self._logs = logs
        self._workers: dict[int, WorkerRecord] = {}
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
        placed = any(record.placed for record in self._workers.values())
        return not placed and self.room.exhausted

    @property
    def start_counts(self) -> StartCounts:
        """How many workers with cores are ready, compiling or loading."""
        placed = [record for record in self._workers.values() if record.placed]
        ready = sum(record.ready for record in placed)
        compiling = sum(not record.ready and record.warm_up is not None for record in placed)
        return StartCounts(ready, compiling, len(placed) - ready - compiling)

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
            if node.leaving or self.room.avoided(node):
                continue
            for _ in range(there[node.identifier], self.room.free(node)):
                if self._max_workers is not None and len(self._workers) >= self._max_workers:
                    return
                self._start(node, now)

    def keep_grids_of(self, runs: Iterable[int]) -> None:
        """Forget the grids of all runs but these, here and, with later messages, on the workers."""
        self._packer.forget_all_but(runs)

    def send(self, worker: int, message: Message, jobs: Mapping[int, Sequence[Job]]) -> None:
        """Send a message, which has units of these jobs by run, to a ready worker."""
        record = self._workers[worker]
        # A grid is known once a message with it has come back: messages may overtake each other, or
        # break. The payload is one argument, because Ray packs each argument on its own.
        used = set().union(*record.using.values())
        payload, beside = self._packer.pack(message, jobs, record.grids, used)
        record.grids.difference_update(payload.forget)
        name = self._names.name(message, jobs)
        call = self._actors.call(record.actor, "evaluate", payload, *beside, name=name)
        record.messages[call] = message
        record.bringing[call] = (*payload.grids, *payload.beside)
        record.using[call] = {number for number, _ in payload.tiles}

    def collect(self, timeout_s: float) -> list[Ended]:
        """Wait for the end of calls, at most ``timeout_s``, and return the outcomes that follow."""
        owners = {call: worker for worker, m in self._workers.items() for call in m.calls}
        ended = [(call, self._result(call)) for call in self._actors.wait(list(owners), timeout_s)]
        ended.sort(key=lambda one: isinstance(one[1], ActorLost))  # results count before losses
        outcomes: list[Ended] = []
        for call, value in ended:
            if owners[call] in self._workers:  # else lost by an earlier call
                outcomes += self._read(owners[call], call, value)
        now = self._actors.now()
        for worker, record in list(self._workers.items()):
            if record.node_gone:
                outcomes += self.lose(
                    worker, Status.WORKER_DIED, "the worker's node was lost", with_node=True
                )
            elif record.unconfirmed and now > record.deadline:
                outcomes += self.lose(worker, Status.TIMED_OUT, "it did not answer")
            elif not record.ready and now > record.deadline:
                self._start_failed(worker, Status.TIMED_OUT, "took too long to start")
        return outcomes

    def lose(self, worker: int, status: Status, text: str, with_node: bool = False) -> list[Ended]:
        """End a worker, if it has not ended; arguments and outcomes as of ``Ledger.lost``."""
        record = self._workers.pop(worker)
        self._actors.kill(record.actor)
        self.n_replaced += record.ready and not record.node.leaving
        return self._ledger.lost(worker, status, text, with_node)

    def close(self) -> None:
        """Kill all workers."""
        for worker in list(self._workers):
            self._actors.kill(self._workers.pop(worker).actor)
        self._packer.forget_all_but(())

    def _settle_races(self, there: dict[str, int], now: float) -> None:
        """Record which workers have been given cores, and withdraw those whose cores others got.

        The numbers of workers by node, ``there``, are reduced by those that are withdrawn.
        """
        for worker, record in list(self._workers.items()):
            if record.placed or record.node_gone:
                continue
            node = record.node.identifier
            too_many = there[node] > self.room.free(record.node)
            if self._actors.placed(record.actor):
                record.placed = True
                record.deadline = now + self._warm_up_timeout_s  # it starts only now
            elif too_many and now > record.started + LOST_RACE_S:
                there[node] -= 1
                self.lose(worker, Status.WORKER_DIED, "another run got its cores")

    def _start(self, node: Node, now: float) -> None:
        cores = self.room.cores_on(node)
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

    def _read(self, worker: int, call: Any, value: Any) -> list[Ended]:
        """Act on the end of one call."""
        record = self._workers[worker]
        if isinstance(value, ActorLost):
            return self._gone(worker, value)
        if call in record.messages:
            message, brings = record.messages.pop(call), record.bringing.pop(call)
            del record.using[call]
            now = self._actors.now()
            if isinstance(value, CallRaised):  # which may have been the arrival of a grid
                return self._ledger.error(worker, message, str(value), value.traceback, now)
            record.grids.update(brings)
            return self._ledger.done(worker, message, value, now)
        if record.ready:  # it has answered that it is alive
            record.unconfirmed = False
            return []
        if isinstance(value, CallRaised):
            raise PoolError(
                f"a worker cannot take jobs: {value}; "
                "its code and the folder of your own classes must be importable there"
            ) from value
        if call == record.hello:
            record.placed = True
            self._require_same_code(*value)
            if self._warm_up:
                record.warm_up = self._actors.call(record.actor, "warm_up", *self._warm_up)
                allowed_s = len(self._warm_up) * self._warm_up_timeout_s
                record.deadline = self._actors.now() + allowed_s
                return []
        else:
            self._failed_warm_ups = 0
        record.ready = True
        self.room.clear(record.node)
        self._ledger.join(worker, record.cores)
        return []

    def _require_same_code(self, name: str, theirs: dict[str, str]) -> None:
        differs = difference(fingerprint(self._own), theirs)
        if differs:
            raise PoolError(
                f"worker {name} runs other code than this process: {differs}; "
                "install the same on all machines, and do not edit it while a run goes on"
            )

    def _gone(self, worker: int, loss: ActorLost) -> list[Ended]:
        """Record the loss of a worker, and ask its node's idle workers whether they are alive."""
        record = self._workers[worker]
        if not record.ready and not loss.with_node:
            self._start_failed(worker, loss.status, str(loss))
            return []
        outcomes = self.lose(worker, loss.status, str(loss), loss.with_node)
        if not record.ready:  # and its node may still be listed for a moment
            self.room.pause(record.node)
            return outcomes
        for other in self._workers.values():
            if other.node.identifier == record.node.identifier and other.ready:
                if loss.with_node:
                    other.node_gone = True
                elif not other.messages and not other.unconfirmed:
                    self._ask_if_alive(other)
        return outcomes

    def _ask_if_alive(self, record: WorkerRecord) -> None:
        """Give no work to an idle worker until it has answered."""
        record.unconfirmed = True
        record.hello = self._actors.call(record.actor, "hello")
        record.deadline = self._actors.now() + self._warm_up_timeout_s

    def _start_failed(self, worker: int, status: Status, reason: str) -> None:
        """Remove a worker that never got ready, and decide whether to try again.

        A learner that kills its process does so in the warm-up too. The run reports that as failed
        episodes, so the warm-up is given up after two deaths in a row. A start that failed on one
        node may succeed on another: the pool gives up only when there is no worker at all and every
        node has failed too often. A start that takes too long, or a learner that hangs in the
        warm-up as it would in every episode, is tried only once more.
        """
        record = self._workers[worker]
        self.lose(worker, status, reason)
        if record.warm_up is not None and status != Status.TIMED_OUT:
            self._failed_warm_ups += 1
            if self._failed_warm_ups >= 2:
                self._warm_up = ()
            return
        n_failed = self.room.failed(record.node, for_good=status == Status.TIMED_OUT)
        if self._workers or not self.room.hopeless():
            return
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
