"""A cluster on a virtual clock, as a pool sees it. Nothing here ever sleeps."""

from collections.abc import Mapping, Sequence
from typing import Any

from simulation import faults
from simulation.machines import Actor, Call, Wish
from simulation.network import Network
from simulation.processes import Processes
from simulation.schedule import Fault
from simulation.watch import Watch
from spikeloop.cluster.dispatch.actors import ActorLost, Node
from spikeloop.cluster.pool import PoolError
from spikeloop.workers.job import Status


class SimulatedActors:
    """``Actors`` without a cluster.

    Args:
        network: the machines.
        processes: the workers on them.
        watch: sees everything.
    """

    def __init__(self, network: Network, processes: Processes, watch: Watch) -> None:
        self.actors: list[Actor] = []
        self._network = network
        self._processes = processes
        self._watch = watch
        self._clock = network.clock
        self._n_calls = 0

    def now(self) -> float:
        return self._clock.now

    def nodes(self) -> Sequence[Node]:
        if self._clock.now > self._network.schedule.silent_from:
            self._network.happened[Fault.HEAD_GONE] = 1
            raise PoolError("the cluster has not answered")
        return self._network.picture()

    def start(self, node: Node, cores: int) -> Actor:
        machine = next(one for one in self._network.machines if one.identifier == node.identifier)
        actor = Actor(len(self.actors), machine, cores, self._clock.now)
        self.actors.append(actor)
        machine.actors.append(actor)
        self._network.tell("actor %d is wanted on %s", actor.number, node.identifier)
        self._watch.started(actor)
        self._network.post(machine, self._ask_for_cores, actor)
        return actor

    def placed(self, actor: Actor) -> bool:
        return actor.placed_at <= self._network.looked

    def holders(self) -> Mapping[str, int]:
        return {"another": sum(node.taken for node in self._network.picture())}

    def call(self, actor: Actor, method: str, *arguments: Any, name: str = "") -> Call:
        del name
        call = Call(self._n_calls, actor, method, arguments, self._clock.now)
        self._n_calls += 1
        actor.unread.append(call)
        self._network.tell("call %d of %s to actor %d", call.number, method, actor.number)
        if actor.loss is not None:
            self._clock.at(self._network.latency(), self._network.deliver, call, actor.loss)
        else:
            arrival = self._clock.now + self._network.latency()
            if actor.cores == 1 or Fault.DISORDER not in self._network.schedule.active:
                arrival = max(arrival, actor.last_arrival)
            elif len(arguments) > 1:  # large values are fetched first
                arrival += self._network.rng.uniform(0.0, 0.1)
            if arrival < actor.last_arrival:
                self._network.happened[Fault.DISORDER] += 1
            actor.last_arrival = max(arrival, actor.last_arrival)
            self._clock.at(arrival - self._clock.now, self._processes.arrive, call)
        self._watch.called(call)
        return call

    def wait(self, calls: Sequence[Call], timeout_s: float) -> list[Call]:
        self._watch.waits()
        began = self._clock.now
        until = began + timeout_s
        wanted = set(calls)
        ready = any(call.ended for call in calls)
        while not ready and self._clock.step(until):
            ready = self._network.latest in wanted
        self._watch.waited(self._clock.now - began)
        return [call for call in calls if call.ended]

    def result(self, call: Call) -> Any:
        assert call.ended, f"call {call.number} has not ended"
        self._watch.read(call)
        if not isinstance(call.outcome, ActorLost):  # else it may have been at work, for the books
            call.actor.unread.remove(call)
        if isinstance(call.outcome, Exception):
            raise call.outcome
        return call.outcome

    def kill(self, actor: Actor) -> None:
        self._network.tell("actor %d is killed by the pool", actor.number)
        self._watch.killed(actor)
        actor.killed = True
        network = self._network
        network.post(actor.machine, network.die, actor, Status.WORKER_DIED)
        network.post(actor.machine, network.withdraw, actor)

    def share(self, value: Any) -> Any:
        return value

    def _ask_for_cores(self, actor: Actor) -> None:
        """The cluster hears of an actor, unless its node is lost: then it will never have one."""
        network, machine = self._network, actor.machine
        if actor.killed or not machine.alive or not machine.listed:
            return
        if network.chance(Fault.LOST_RACE, 0.3) and machine.free > 0:
            faults.take(network, machine, machine.free)

        def granted() -> None:
            network.tell("actor %d starts on %s", actor.number, machine.identifier)
            self._clock.at(network.rng.uniform(0.1, 0.4), self._processes.construct, actor)

        network.wish(machine, Wish(actor.cores, actor, granted))
