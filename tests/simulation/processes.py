"""What happens inside the workers of a simulated cluster: calls, and units that take time."""

import traceback
from collections.abc import Callable
from typing import Any

from simulation.episodes import Episode, episodes
from simulation.machines import Actor, Call
from simulation.network import Network
from simulation.schedule import FOR_GOOD, Fault
from spikeloop.cluster.dispatch.actors import CallRaised
from spikeloop.workers.actor import EpisodeWorker, Payload
from spikeloop.workers.job import Grid, Status

LONGEST_S = 3.5
"""No good unit takes longer, unless it is disturbed: well below the deadline."""

P_LONG = 0.04
"""So often a unit takes much longer than others of its size, and is given to a second worker."""


class Processes:
    """Runs real ``EpisodeWorker`` objects on the cores of simulated machines.

    With one core a process takes one call after the other. With several it takes all calls that
    arrive, and its cores take their units one by one.

    Attributes:
        bad: episodes that never come through, and how.
        episode_s: what an episode takes.
        grids: by number, as they went by.
    """

    def __init__(self, network: Network) -> None:
        self.bad: dict[Episode, Fault] = {}
        self.episode_s = 0.1
        self.grids: dict[int, Grid] = {}
        self._network = network
        self._clock = network.clock

    def construct(self, actor: Actor) -> None:
        """A process has started, unless its node or its disk is bad."""
        machine = actor.machine
        if not machine.alive or not actor.alive:
            return
        if machine.bad_disk:
            self._network.happened[Fault.BAD_DISK] += 1
            self._network.die(actor, Status.WORKER_DIED)
        elif self._network.chance(Fault.WORKER_DIES_STARTING, 0.1):
            self._network.die(actor, Status.WORKER_DIED)
        elif not self._network.chance(Fault.WORKER_HANGS_STARTING, 0.05):
            # Threads of its own would be no part of the simulation.
            actor.worker = EpisodeWorker(None, cores=1)
            self._work(actor)

    def arrive(self, call: Call) -> None:
        """A call comes to its process, once the network lets it through."""
        self._network.reach(call.actor.machine, self._queue, call)

    def freeze(self, actor: Actor, seconds: float) -> None:
        """A worker does nothing for a while."""
        actor.frozen_until = max(actor.frozen_until, self._clock.now + seconds)
        if actor.frozen_until < FOR_GOOD:
            self._clock.at(seconds, self._work, actor)

    def _acts(self, actor: Actor, function: Callable[..., None], *arguments: Any) -> bool:
        """Whether a worker can do something now; if it is frozen for a while, it does it then."""
        frozen_s = actor.frozen_until - self._clock.now
        if actor.alive and 0 < frozen_s < FOR_GOOD:
            self._clock.at(frozen_s, function, *arguments)
        return actor.alive and frozen_s <= 0

    def _queue(self, call: Call) -> None:
        if call.actor.alive:
            call.actor.queue.append(call)
            self._work(call.actor)

    def _work(self, actor: Actor) -> None:
        """Begins what can begin."""
        if actor.worker is None or not actor.alive or actor.frozen_until > self._clock.now:
            return
        while actor.queue and (actor.cores > 1 or not actor.running):
            call = actor.queue.popleft()
            actor.running.append(call)
            self._begin(actor.worker, call)
        while actor.units and actor.n_busy < actor.cores:
            actor.n_busy += 1
            self._live(*actor.units.popleft())

    def _begin(self, worker: EpisodeWorker, call: Call) -> None:
        outcome: Any
        rng = self._network.rng
        if call.method != "evaluate":
            outcome = getattr(worker, call.method)(*call.arguments)
            self._clock.at(rng.uniform(0.01, 0.3), self._end_call, call, outcome)
            return
        if self._network.chance(Fault.LOST_ARGUMENTS, 0.03):
            self._end_call(call, CallRaised("ObjectLostError", "lost arguments"))
            return
        payload: Payload = call.arguments[0]
        brought = {**payload.grids, **dict(zip(payload.beside, call.arguments[1:], strict=True))}
        self.grids.update(brought)
        try:
            outcome = worker.evaluate(*call.arguments)
        except Exception as error:
            outcome = CallRaised(f"{type(error).__name__}: {error}", traceback.format_exc())
            self._end_call(call, outcome)
            return
        if self._network.chance(Fault.LOST_RESULT, 0.03):
            outcome = CallRaised("the result could not be sent", "lost result")
        call.outcome = outcome
        call.n_pieces = len(payload.tiles)
        for number, tile in payload.tiles:
            slowness = call.actor.machine.slowness * (6.0 if rng.random() < P_LONG else 1.0)
            takes_s = tile.n_episodes * self.episode_s * rng.uniform(0.5, 1.2) * slowness
            wrong = [self.bad.get(episode) for episode in episodes(self.grids[number], tile)]
            fault = next((one for one in wrong if one is not None), None)
            call.actor.units.append((call, min(LONGEST_S, takes_s), fault))

    def _live(self, call: Call, takes_s: float, fault: Fault | None) -> None:
        """A unit gets a core."""
        if fault is not None:
            self._network.happened[fault] += 1
        if fault is not Fault.HANGING_EPISODES:
            self._clock.at(takes_s, self._end_piece, call, fault)

    def _end_piece(self, call: Call, fault: Fault | None) -> None:
        actor = call.actor
        if not self._acts(actor, self._end_piece, call, fault):
            return
        match fault:
            case Fault.DEADLY_EPISODES:
                self._network.die(actor, Status.WORKER_DIED)
                return
            case Fault.HUNGRY_EPISODES:
                self._network.die(actor, Status.OUT_OF_MEMORY)
                return
            case Fault.RAISING_EPISODES:
                call.outcome = CallRaised("TypeError: this episode raises", "its traceback")
        actor.n_busy -= 1
        call.n_pieces -= 1
        if call.n_pieces == 0:
            self._end_call(call, call.outcome)
        else:
            self._work(actor)

    def _end_call(self, call: Call, outcome: Any) -> None:
        actor = call.actor
        if not self._acts(actor, self._end_call, call, outcome):
            return
        actor.running.remove(call)
        late = self._network.chance(Fault.LATE_REPLY, 0.02)
        late_s = self._network.rng.uniform(0.1, 7.0) if late else 0.0
        reply = self._network.deliver, call, outcome
        self._clock.at(late_s, self._network.post, actor.machine, *reply)
        self._work(actor)
