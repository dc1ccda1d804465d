"""The machines of a simulated cluster, what is between them and the pool, and how both fail."""

import random
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from simulation.clock import Clock
from simulation.machines import Actor, Call, Machine, Wish
from simulation.schedule import FOR_GOOD, Fault, Schedule
from spikeloop.cluster.dispatch.actors import ActorLost, Node
from spikeloop.cluster.ray_backend.ray_actors import POLL_S
from spikeloop.workers.job import Status

GIVEN_UP_AFTER_S = 1.5
"""A node that does not answer for so long is dead to the cluster, whatever it does."""


class Network:
    """Machines, the table in which the cluster lists them, and messages that may be held back.

    Everything is drawn from one generator in the order of events, so the same seed and the same
    pool give the same history.

    Args:
        schedule: which faults are active, and until when.
        trace: where a line for each event goes, or None.
    """

    def __init__(self, schedule: Schedule, trace: Callable[[str], None] | None = None) -> None:
        self.schedule = schedule
        self.clock = Clock()
        self.rng = random.Random(schedule.seed + 1)
        self.machines: list[Machine] = []
        self.happened: Counter[Fault] = Counter()
        self.latest: Call | None = None
        self._trace = trace
        self._tables: list[tuple[float, tuple[Node, ...]]] = [(0.0, ())]

    def tell(self, line: str, *values: object) -> None:
        """Writes a line of the trace."""
        if self._trace is not None:
            self._trace(f"{self.clock.now:9.4f}  {line % values}")

    @property
    def looked(self) -> float:
        """When the pool last asked the cluster for anything but a call."""
        return self.clock.now // POLL_S * POLL_S

    def picture(self, age_s: float = 0.0) -> tuple[Node, ...]:
        """The table of nodes as it was when last asked for, now or some time ago."""
        asked = max(0.0, (self.clock.now - age_s) // POLL_S * POLL_S)
        return self._tables[bisect_right(self._tables, asked, key=lambda one: one[0]) - 1][1]

    def list_nodes(self) -> None:
        """Notes that the table of nodes has changed."""
        table = tuple(machine.node for machine in self.machines if machine.listed)
        if self._tables[-1][0] == self.clock.now:
            self._tables.pop()
        self._tables.append((self.clock.now, table))

    def join(self, cores: int) -> Machine:
        """A new node."""
        machine = Machine(f"n{len(self.machines)}", cores)
        self.machines.append(machine)
        self.tell("%s joins with %d cores", machine.identifier, cores)
        self.list_nodes()
        return machine

    def wish(self, machine: Machine, wish: Wish) -> None:
        """Somebody wants cores of a machine, and gets them when their turn comes."""
        machine.wishes.append(wish)
        self.serve(machine)

    def serve(self, machine: Machine) -> None:
        """Gives free cores to those who have waited longest, as far as they suffice."""
        while machine.alive and machine.wishes and machine.wishes[0].cores <= machine.free:
            wish = machine.wishes.popleft()
            if wish.actor is None:
                machine.taken += wish.cores
                self.list_nodes()
            else:
                wish.actor.holds, wish.actor.placed_at = True, self.clock.now
            wish.granted()

    def return_cores(self, machine: Machine, cores: int) -> None:
        """Another run has ended on a machine."""
        machine.taken -= cores
        self.tell("others give %d cores of %s back", cores, machine.identifier)
        self.list_nodes()
        self.serve(machine)

    def withdraw(self, actor: Actor) -> None:
        """The pool needs the cores of an actor no more, or does not want them any more."""
        machine = actor.machine
        machine.wishes = deque(wish for wish in machine.wishes if wish.actor is not actor)
        actor.holds = False
        self.serve(machine)

    def give_up(self, machine: Machine) -> None:
        """The cluster takes a node for dead, and all actors on it; those who wait are told."""
        if not machine.listed:
            return
        machine.listed = False
        self.tell("%s is given up", machine.identifier)
        self.list_nodes()
        for actor in machine.actors:
            if actor.loss is None and actor.placed_at < FOR_GOOD:
                self.lose(actor, ActorLost("node lost", Status.WORKER_DIED, with_node=True))

    def vanish(self, machine: Machine) -> None:
        """End a machine with all its workers, without notice."""
        machine.alive = False
        self.tell("%s is dead", machine.identifier)
        for actor in machine.actors:
            self.end(actor)

    def die(self, actor: Actor, status: Status) -> None:
        """A worker's process ends, which its machine tells."""
        if actor.alive:
            self.end(actor)
            words = "out of memory" if status == Status.OUT_OF_MEMORY else "the process died"
            notice = ActorLost(words, status)
            self.post(actor.machine, self.lose, actor, notice)

    def cut(self, machine: Machine, seconds: float) -> None:
        """No message to or from a machine for a while; after a longer while it is given up."""
        machine.unreachable = []
        self.clock.at(seconds, self._heal, machine)
        if seconds > GIVEN_UP_AFTER_S:
            self.clock.at(GIVEN_UP_AFTER_S, self._silent, machine)

    def latency(self) -> float:
        """Seconds that a message takes, never twice the same."""
        return self.rng.uniform(0.0005, 0.01)

    def chance(self, fault: Fault, probability: float) -> bool:
        """Whether a fault of a single call or start happens now."""
        if fault not in self.schedule.active or self.clock.now > self.schedule.quiet_from:
            return False
        happens = self.rng.random() < probability
        if happens:
            self.happened[fault] += 1
        return happens

    def reach(self, machine: Machine, function: Callable[..., None], *arguments: Any) -> None:
        """Does something that needs the network between the pool and a machine."""
        if machine.unreachable is None:
            function(*arguments)
        else:
            machine.unreachable.append(lambda: function(*arguments))

    def post(self, machine: Machine, function: Callable[..., None], *arguments: Any) -> None:
        """The same, after the time that a message takes."""
        self.clock.at(self.latency(), self.reach, machine, function, *arguments)

    def deliver(self, call: Call, outcome: Any) -> None:
        """The pool can read how a call ended; what comes after that is dropped."""
        if call.ended:
            return
        call.ended, call.outcome = True, outcome
        self.latest = call
        kind = type(outcome).__name__
        self.tell("call %d ended: %s", call.number, outcome if kind == "ActorLost" else kind)

    def end(self, actor: Actor) -> None:
        """End a process without notice."""
        if actor.alive:
            self.tell("actor %d is dead", actor.number)
            actor.alive, actor.died_at = False, self.clock.now
            actor.queue.clear()
            actor.running.clear()
            actor.units.clear()

    def lose(self, actor: Actor, loss: ActorLost) -> None:
        """From now on every call to the actor says that it is lost."""
        if actor.loss is None:
            actor.loss = loss
            for call in actor.unread:
                self.clock.at(self.latency(), self.deliver, call, loss)

    def _heal(self, machine: Machine) -> None:
        held, machine.unreachable = machine.unreachable or [], None
        if not machine.alive:
            return
        self.tell("%s is reachable again", machine.identifier)
        if machine.listed:
            for action in held:
                action()
        else:  # it has been given up, and so it starts anew
            self.vanish(machine)
            self.clock.at(0.5, self._rejoin, machine)

    def _rejoin(self, machine: Machine) -> None:
        if Fault.NO_NODES not in self.schedule.active or self.clock.now < self.schedule.quiet_from:
            self.join(machine.cores)

    def _silent(self, machine: Machine) -> None:
        if machine.unreachable is not None:
            self.give_up(machine)
