"""Sees what the pool does with its actors, and objects at once when a promise is broken."""

from simulation.machines import Actor, Call, Machine
from simulation.network import Network
from simulation.referee import Referee, Violation, demand
from simulation.schedule import FOR_GOOD
from spikeloop.cluster.dispatch.actors import ActorLost
from spikeloop.cluster.dispatch.node_room import MAX_FAILED_STARTS
from spikeloop.cluster.dispatch.work_units import UNITS_PER_CORE
from spikeloop.cluster.dispatch.worker_group import LOST_RACE_S
from spikeloop.cluster.ray_backend import ray_pool
from spikeloop.workers.job import Status

KNOWN_S = 2.5 * ray_pool.TICK_S
"""So long after a node is known to leave a message may still go there."""

IDLE_S = 5.0
"""So long a warm worker may be idle while work waits."""

LIMIT_S = 250.0
"""Every run ends within so many virtual seconds after the faults have stopped."""


class Watch:
    """The promises that hold all the time.

    - Every run ends, and soon after a signal to stop.
    - Each actor that was started belongs to the group, or was killed; none uses a core twice, nor
      one that another run is known to hold. One that waits for such a core is soon withdrawn, which
      is no failure; and no run is given up because others hold the cores.
    - No worker is killed at work before its deadline, unless its node is lost.
    - No work for nodes that leave, nor for the dead whose neighbours' death has been seen.
    - No warm worker is idle while work waits.

    Attributes:
        pool: what is watched; it is set as soon as there is one.
        owned: actors that the pool has started and not killed, in order.
        reader_back: when the pool's owner last turned to it.
    """

    pool: ray_pool.RayPool

    def __init__(self, network: Network, referee: Referee) -> None:
        self.owned: dict[Actor, None] = {}
        self.reader_back = 0.0
        self._network = network
        self._schedule = network.schedule
        self._clock = network.clock
        self._referee = referee
        self._limit = 0.0
        self._losses: dict[Actor, ActorLost] = {}
        self._since: dict[Actor, float] = {}
        self._idle_s: dict[Actor, float] = {}
        self._gone: set[Actor] = set()
        self._death_seen: dict[Machine, float] = {}
        self._staying: set[Actor] = set()
        self._last_owned = 0.0
        self._crowded: set[Actor] = set()

    def turned_to(self) -> None:
        """The pool's owner asks for the next outcome, or for the first of a run."""
        self.reader_back = self._clock.now
        self._limit = max(self._clock.now, self._schedule.quiet_from) + LIMIT_S
        self._note_owned()

    def started(self, actor: Actor) -> None:
        self.owned[actor] = None
        machine = actor.machine
        used = sum(other.cores for other in machine.actors if other in self.owned)
        demand(used <= machine.cores, f"{used} cores used of {machine.cores}")
        demand(not self._excess(machine), f"{machine.identifier}: others hold these cores")
        most = self._schedule.max_workers
        demand(most is None or len(self.owned) <= most, "more workers than asked for")

    def called(self, call: Call) -> None:
        actor = call.actor
        demand(not actor.killed, "a call to an actor that was killed")
        if call.method != "evaluate":
            return
        if not _at_work(actor, besides=call):
            self._since[actor] = self._clock.now
            unheard = actor.died_at < self._death_seen.get(actor.machine, 0.0) > actor.heard_at
            demand(not unheard, f"actor {actor.number} gets work, is dead and was not asked")
        self._referee.sent(call)
        leaves = all(self._leaves(actor, age_s) for age_s in (0.0, KNOWN_S))
        demand(not leaves, f"actor {actor.number} gets work, but its node leaves")

    def read(self, call: Call) -> None:
        actor = call.actor
        if isinstance(call.outcome, ActorLost):
            self._losses[actor] = call.outcome
            if actor.warm:
                self._death_seen[actor.machine] = self._clock.now
                if call.outcome.with_node:
                    self._gone |= {other for other in actor.machine.actors if other.warm}
            return
        actor.heard_at = self._clock.now
        if call.method == "evaluate":
            demand("KeyError" not in str(call.outcome)[:9], f"a grid was missing: {call.outcome}")
            if call is next(one for one in actor.unread if one.method == "evaluate"):
                self._since[actor] = self._clock.now
            self._referee.answered(call)
        elif call.method == "warm_up" or not self.pool._group._warm_up:
            actor.warm = True

    def killed(self, actor: Actor) -> None:
        loss = self._losses.get(actor)
        if loss is None and actor in self._gone:
            loss = ActorLost("with its node", Status.WORKER_DIED, with_node=True)
        if loss is None and _at_work(actor) and not self.pool._ledger.finished:
            took_s = self._clock.now - self._since[actor]
            allowed_s = self._schedule.job_timeout_s * (1 if actor.cores == 1 else UNITS_PER_CORE)
            demand(took_s > allowed_s, f"killed after {took_s:.2f} s at work")
        self._referee.gone(actor, loss)
        self.owned.pop(actor, None)
        self._idle_s.pop(actor, None)
        self._gone.discard(actor)

    def waits(self) -> None:
        now = self._clock.now
        demand(now < self._limit, "the run does not end")
        late_s = now - max(self._schedule.stops_at, self.reader_back)
        demand(late_s <= 2 * ray_pool.TICK_S, f"does not stop for {late_s:.2f} s")
        records = self.pool._group._workers.values()
        mine = {record.actor for record in records}
        demand(self.owned.keys() == mine, "an actor is alive that the pool does not know")
        self._gone = {record.actor for record in records if record.node_gone}
        for actor in self.owned:
            unplaced = actor.placed_at > self._network.looked and not actor.heard_at
            if unplaced and self._excess(actor.machine):
                self._crowded.add(actor)
                age_s = now - actor.asked_at
                demand(age_s <= LOST_RACE_S, f"actor {actor.number} waits for cores of others")
        for actor in self._gone:
            demand(not actor.machine.listed, f"actor {actor.number} is no more, and its node is")
        self._note_owned()

    def waited(self, seconds: float) -> None:
        ledger = self.pool._ledger
        work_waits = ledger.n_waiting > 0
        for actor in self.owned:
            if work_waits and actor.warm and not actor.unread and not self._leaves(actor):
                self._idle_s[actor] = self._idle_s.get(actor, 0.0) + seconds
                demand(self._idle_s[actor] < IDLE_S, f"actor {actor.number} idle, and work waits")
            else:
                self._idle_s.pop(actor, None)

    def may_give_up(self, message: str) -> bool:
        """Whether the pool has a reason for a ``PoolError``."""
        now = self._clock.now
        if "has not answered" in message:
            return now > self._schedule.silent_from
        if "room for a worker" in message:
            return now - self._last_owned >= self._schedule.patience_s - ray_pool.TICK_S
        if "no worker can be started" in message:
            return self._failed_everywhere(message)
        if "in the warm-up" in message:
            return not any(actor.warm for actor in self.owned)
        raise Violation(f"an unknown error: {message}")

    def _failed_everywhere(self, message: str) -> bool:
        """Whether no worker is left, and every node that has room for one has failed enough."""
        size = self._schedule.cores_per_worker
        enough = 1 if "took too long" in message else MAX_FAILED_STARTS
        staying = {node.identifier for node in self._network.picture() if not node.leaving}
        failures = [
            sum(actor.killed and not actor.warm and self._had_its_chance(actor) for actor in actors)
            for machine in self._network.machines
            if machine.identifier in staying and (size == "node" or machine.cores >= size)
            for actors in [machine.actors]
        ]
        return not self.owned and bool(failures) and max(failures) >= enough and min(failures) > 0

    def _had_its_chance(self, actor: Actor) -> bool:
        """Whether an actor got its cores, or could have got them."""
        return actor.placed_at < FOR_GOOD or actor not in self._crowded

    def _excess(self, machine: Machine) -> bool:
        """Whether the pool wants cores of a machine that others are known to hold."""
        wanted = sum(actor.cores for actor in machine.actors if actor in self.owned)
        nodes = [one for one in self._network.picture() if one.identifier == machine.identifier]
        return any(wanted + node.taken > node.cores for node in nodes)

    def _note_owned(self) -> None:
        """Notes when there last was a worker, or a node for one.

        A worker that is lost at once, with its node, is none; whether others use a node does not
        matter.
        """
        size = self._schedule.cores_per_worker
        staying = {actor for actor in self.owned if not self._leaves(actor)}
        nodes = [node for node in self._network.picture() if not node.leaving]
        if staying & self._staying or any(size == "node" or node.cores >= size for node in nodes):
            self._last_owned = self._clock.now
        self._staying = staying

    def _leaves(self, actor: Actor, age_s: float = 0.0) -> bool:
        return any(
            node.leaving and node.identifier == actor.machine.identifier
            for node in self._network.picture(age_s)
        )


def _at_work(actor: Actor, besides: Call | None = None) -> bool:
    return any(call.method == "evaluate" and call is not besides for call in actor.unread)
