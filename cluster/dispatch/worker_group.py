"""The workers behind a pool: started, warmed up, spoken to, and replaced when they are gone.

A crew knows actors and messages, nothing of jobs' fates: that is the ledger's. Its news are small
values, so that the loop that joins the two is short.

Each node of the cluster gets as many workers as it has cores for that no other run holds. A node
that joins later gets its workers then, and so does one whose cores become free; one that is about
to leave gets no new work; one on which workers will not start is left alone for a while, and ends
the run only if there is no other.

Two runs may see the same free cores and start workers for them. Ray gives the cores to one of the
two. The workers of the other are withdrawn, which is no failure, and started where cores are free.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from spikeloop.cluster.dispatch.actors import ActorLost, Actors, CallRaised, Node
from spikeloop.cluster.dispatch.backoff import Trouble
from spikeloop.cluster.dispatch.call_names import Names
from spikeloop.cluster.dispatch.events import Broke, Done, Lost, News, Ready
from spikeloop.cluster.dispatch.messages import Orders
from spikeloop.cluster.dispatch.work_units import Message
from spikeloop.cluster.dispatch.worker_record import Member
from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.progress import Muster, Shortage
from spikeloop.workers.fingerprint import difference, fingerprint
from spikeloop.workers.job import Job, Status

LOST_RACE_S = 3.0
"""A worker that has no cores after this time, though they were free when it was started, is
withdrawn if another run holds them. By then the table of nodes is younger than the start."""


class Crew:
    """Workers on all nodes of a cluster.

    Args:
        actors: the cluster.
        warm_up: the job each worker does before it is ready.
        warm_up_timeout_s: for starting, and again for the warm-up job.
        cores_per_worker: cores of a worker, or "node" for one worker with all cores of its node.
        max_workers: at most so many; None for as many as there is room for.
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
        self._members: dict[int, Member] = {}
        self._trouble = Trouble()
        self._orders = Orders(actors)
        self._names = Names()
        self._next_worker = 0
        self._failed_warm_ups = 0

    @property
    def ready(self) -> list[int]:
        """Workers that can be given messages."""
        return [
            worker
            for worker, member in self._members.items()
            if member.ready and not member.doubted and not member.node.leaving
        ]

    @property
    def leaving(self) -> list[int]:
        """Workers on nodes that will go soon and have nothing more to do."""
        return [
            worker
            for worker, member in self._members.items()
            if member.node.leaving and not member.messages
        ]

    @property
    def starting(self) -> bool:
        """Whether some workers are not ready yet."""
        return any(not member.ready for member in self._members.values())

    @property
    def waiting(self) -> bool:
        """Whether there are nodes, but others hold so many cores that there is no worker at all."""
        if any(member.placed for member in self._members.values()):
            return False
        now = self._actors.now()
        hopeful = [node for node in self._usable() if not self._trouble.avoided(node, now)]
        return bool(hopeful) and not any(self._free_room(node) for node in hopeful)

    @property
    def shortage(self) -> Shortage:
        """What the cluster's cores are used for, when there are too few for a worker."""
        nodes = self._usable()
        return Shortage(
            taken=sum(node.taken for node in nodes),
            total=sum(node.cores for node in nodes),
            needed=min((self._cores_on(node) for node in nodes), default=0),
            holders=self._actors.holders(),
        )

    @property
    def muster(self) -> Muster:
        """How far the workers are that have been given cores."""
        placed = [member for member in self._members.values() if member.placed]
        ready = sum(member.ready for member in placed)
        compiling = sum(not member.ready and member.warm_up is not None for member in placed)
        return Muster(ready, compiling, len(placed) - ready - compiling)

    @property
    def has_room(self) -> bool:
        """Whether any node that stays has room for a worker, taken or not."""
        return bool(self._usable())

    @property
    def n_cores(self) -> int:
        """Cores of the workers that are ready."""
        return sum(member.cores for member in self._members.values() if member.ready)

    def fill(self) -> None:
        """Starts a worker wherever one is missing, and notes which nodes are about to leave."""
        now = self._actors.now()
        nodes = {node.identifier: node for node in self._actors.nodes()}
        there = dict.fromkeys(nodes, 0)
        for member in self._members.values():
            member.node = nodes.get(member.node.identifier, member.node)
            member.node_gone = member.node.identifier not in nodes
            if not member.node_gone:
                there[member.node.identifier] += 1
        self._settle_races(there, now)
        for node in nodes.values():
            if node.leaving or self._trouble.avoided(node, now):
                continue
            for _ in range(there[node.identifier], self._free_room(node)):
                if self._max_workers is not None and len(self._members) >= self._max_workers:
                    return
                self._start(node, now)

    def begin_run(self) -> None:
        """Forgets the grids of the last run, here and, with the next message, on the workers."""
        self._orders.begin_run()
        for member in self._members.values():
            member.grids.clear()
            member.bringing.clear()

    def send(self, worker: int, message: Message, jobs: Sequence[Job]) -> None:
        """Sends a message to a ready worker.

        Args:
            worker: number.
            message: pieces of the jobs of this run.
            jobs: all of them.
        """
        member = self._members[worker]
        # A grid is known once one message with it has come back: they may overtake each other, or
        # break. One argument for all the rest, because Ray packs each on its own.
        parcel = self._orders.pack(message, jobs, member.grids)
        name = self._names.name(message, jobs)
        call = self._actors.call(member.actor, "evaluate", parcel.order, *parcel.beside, name=name)
        member.messages[call] = message
        member.bringing[call] = parcel.brings

    def news(self, timeout_s: float) -> list[News]:
        """Waits for something to happen, at most ``timeout_s``, and tells all that has."""
        owners = {call: worker for worker, m in self._members.items() for call in m.calls}
        ended = [(call, self._result(call)) for call in self._actors.wait(list(owners), timeout_s)]
        ended.sort(key=lambda one: isinstance(one[1], ActorLost))  # what was done before is done
        news: list[News] = []
        for call, value in ended:
            if owners[call] in self._members:  # else lost by an earlier piece of news
                news += self._read(owners[call], call, value)
        now = self._actors.now()
        for worker, member in list(self._members.items()):
            if member.node_gone:
                self.dismiss(worker)
                news.append(Lost(worker, Status.WORKER_DIED, "the worker's node was lost", True))
            elif member.doubted and now > member.deadline:
                self.dismiss(worker)
                news.append(Lost(worker, Status.TIMED_OUT, "it did not answer"))
            elif not member.ready and now > member.deadline:
                news.append(self._start_failed(worker, Status.TIMED_OUT, "took too long to start"))
        return news

    def dismiss(self, worker: int) -> None:
        """Kills a worker; nothing more will be heard of it."""
        member = self._members.pop(worker, None)
        if member is not None:
            self._actors.kill(member.actor)
            self.n_replaced += member.ready and not member.node.leaving

    def close(self) -> None:
        """Kills all workers."""
        for worker in list(self._members):
            self._actors.kill(self._members.pop(worker).actor)
        self._orders.begin_run()

    def _settle_races(self, there: dict[str, int], now: float) -> None:
        """Notes which workers have been given cores, and withdraws those whose cores others got.

        Args:
            there: workers by node; those that are withdrawn are subtracted.
            now: seconds.
        """
        for worker, member in list(self._members.items()):
            if member.placed or member.node_gone:
                continue
            node = member.node.identifier
            too_many = there[node] > self._free_room(member.node)
            if self._actors.placed(member.actor):
                member.placed = True
                member.deadline = now + self._warm_up_timeout_s  # it starts only now
            elif too_many and now > member.started + LOST_RACE_S:
                there[node] -= 1
                self.dismiss(worker)

    def _usable(self) -> list[Node]:
        return [node for node in self._actors.nodes() if not node.leaving and self._room(node)]

    def _room(self, node: Node) -> int:
        """How many workers a node has cores for."""
        return node.cores // self._cores_on(node)

    def _free_room(self, node: Node) -> int:
        """The same, without the cores that others hold."""
        return max(0, node.cores - node.taken) // self._cores_on(node)

    def _cores_on(self, node: Node) -> int:
        return node.cores if self._cores_per_worker == "node" else self._cores_per_worker

    def _start(self, node: Node, now: float) -> None:
        cores = self._cores_on(node)
        actor = self._actors.start(node, cores)
        hello = self._actors.call(actor, "hello")
        deadline = now + self._warm_up_timeout_s
        self._members[self._next_worker] = Member(actor, node, cores, hello, now, deadline)
        self._next_worker += 1

    def _result(self, call: Any) -> Any:
        """What an ended call gave, or why it did not."""
        try:
            return self._actors.result(call)
        except (CallRaised, ActorLost) as error:
            return error

    def _read(self, worker: int, call: Any, value: Any) -> list[News]:
        """What one ended call means."""
        member = self._members[worker]
        if isinstance(value, CallRaised):
            return [self._raised(worker, call, value)]
        if isinstance(value, ActorLost):
            return [self._gone(worker, value)]
        if member.ready and call == member.hello:
            member.doubted = False
            return []
        if member.ready:
            member.grids.update(member.bringing.pop(call, ()))
            return [Done(worker, member.messages.pop(call), value)]
        if call == member.hello:
            member.placed = True
            self._check(*value)
            if self._warm_up is not None:
                member.warm_up = self._actors.call(member.actor, "warm_up", self._warm_up)
                member.deadline = self._actors.now() + self._warm_up_timeout_s
                return []
        else:
            self._failed_warm_ups = 0
        member.ready = True
        self._trouble.over(member.node)
        return [Ready(worker, member.cores)]

    def _check(self, name: str, theirs: dict[str, str]) -> None:
        differs = difference(fingerprint(self._own), theirs)
        if differs:
            raise PoolError(
                f"worker {name} runs other code than this process: {differs}; "
                "install the same on all machines, and do not edit it while a run goes on"
            )

    def _raised(self, worker: int, call: Any, error: CallRaised) -> News:
        member = self._members[worker]
        if not member.ready:
            raise PoolError(
                f"a worker cannot take jobs: {error}; "
                "its code and the folder of your own classes must be importable there"
            ) from error
        member.bringing.pop(call, None)  # what broke may have been the arrival of a grid
        return Broke(worker, member.messages.pop(call), str(error), error.traceback)

    def _gone(self, worker: int, error: ActorLost) -> News:
        """A worker is lost, and seldom alone; idle ones say nothing, so they are asked."""
        member = self._members[worker]
        if member.ready:
            self.dismiss(worker)
            for other in self._members.values():
                if other.node.identifier == member.node.identifier and other.ready:
                    if error.with_node:
                        other.node_gone = True
                    elif not other.messages and not other.doubted:
                        self._doubt(other)
            return Lost(worker, error.status, str(error), error.with_node)
        if error.with_node:  # and it may still be listed for a moment
            self._trouble.pause(member.node, self._actors.now())
            self.dismiss(worker)
            return Lost(worker, error.status, str(error), True)
        return self._start_failed(worker, error.status, str(error))

    def _doubt(self, member: Member) -> None:
        """Gives no work to an idle worker until it has shown that it works."""
        member.doubted = True
        member.hello = self._actors.call(member.actor, "hello")
        member.deadline = self._actors.now() + self._warm_up_timeout_s

    def _start_failed(self, worker: int, status: Status, reason: str) -> News:
        """A worker that never got ready. Decides whether it makes sense to try again.

        A learner that kills its process does so in the warm-up episode too. That is no fault of the
        pool, and the episodes of the run will say it best, so warming up is given up after two
        deaths in a row. What one node cannot do another may: only when there is no worker at all,
        and every node has failed again and again, the pool gives up. A start that takes too long,
        and a learner that hangs in the warm-up as it would in every episode, is not tried again and
        again.
        """
        member = self._members[worker]
        self.dismiss(worker)
        if member.warm_up is not None and status != Status.TIMED_OUT:
            self._failed_warm_ups += 1
            if self._failed_warm_ups >= 2:
                self._warm_up = None
            return Lost(worker, status, reason)
        n_failed = self._trouble.failed(
            member.node, self._actors.now(), for_good=status == Status.TIMED_OUT
        )
        if self._members or not self._trouble.hopeless(self._usable()):
            return Lost(worker, status, reason)
        if member.warm_up is not None:
            raise PoolError(
                "one episode at the default parameters took longer than "
                f"{self._warm_up_timeout_s:g} "
                "s in the warm-up: the learner hangs, or raise warm_up_timeout_s in [target]"
            )
        raise PoolError(
            f"no worker can be started, {n_failed} failed in a row: {reason}; "
            f"run `spikeloop doctor`, or look into {self._logs}"
        )
