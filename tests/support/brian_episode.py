"""One episode of the chip agent, on the emulator and in Brian2, with all its spikes.

In Brian2 a processor kicks, waits, counts, chooses, learns and plays by Brian2's own spikes. The
two share the circuit's values and the rules of the choice, the successor and the weights. Neurons,
synapses, router, counters, and the order and times of events are each one's own: as a delay line
Brian2's router is its synapses' delay, otherwise a group that sends what was collected.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray, Interface
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.tabular import TabularTasks
from spikeloop.workers.chip.circuit import neuron_codes
from spikeloop.workers.chip.core import SEED_LANE, Core
from spikeloop.workers.chip.environment import Environment, transition
from spikeloop.workers.chip.limits import FPGA_HZ, N_NEURONS, ROUTER_ADDRESS_U6
from spikeloop.workers.chip.mismatch import neurons_of_chip
from spikeloop.workers.chip.noise import seed_words
from spikeloop.workers.chip.task_message import environments
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.learners.chip.coding import CODINGS, choose
from spikeloop.workers.learners.chip.episode import decision_protocol, episode_kernel
from spikeloop.workers.plasticity import hooks
from spikeloop.workers.plasticity.td_lambda import TdMemory
from spikeloop.workers.plasticity.td_published import PublishedMemory
from support.brian_circuit import Address, begin_anew, neurons, routes, strengths, synapses
from support.chip_recording import Event, mask_bits
from support.learner_cases import default_values

STEP_S = 1e-7
# The published protocol in such steps: 1 µs between spikes, 20 µs to settle.
INTERVAL, SETTLE, N_SILENCE = 10, 200, 10
S, A, N_DECISIONS = 6, 8, 50
FAMILY = RandomMdp(n_states=S, n_actions=A, n_steps=N_DECISIONS)
Memory = TdMemory | PublishedMemory


class Setup(NamedTuple):
    """What an episode is made of. The task is drawn with its seed too."""

    agent: ChipAgent
    changes: dict[str, float]
    seed: int

    @property
    def theta(self) -> dict[str, float]:
        """The default Θ with the changes."""
        found = default_values(self.agent, FAMILY.interface, **self.changes)
        return dict(zip(found.space.columns, found.values[0].tolist(), strict=True))

    @property
    def tasks(self) -> TabularTasks:
        return FAMILY.sample(1, np.random.default_rng(self.seed))

    @property
    def n_steps(self) -> int:
        n_spikes = self.agent.circuit.n_stimulus_spikes + N_SILENCE
        return N_DECISIONS * (n_spikes * INTERVAL + 2 * SETTLE)

    def network(self) -> Core:
        return self.agent.network(self.theta, S, A)

    def memory(self) -> Memory:
        memory = self.agent.program.memory(self.theta, Interface(S, A, "discrete", 2000))
        assert isinstance(memory, Memory)
        return memory


class Episode(NamedTuple):
    """Reward of every decision, packets of the router, and what is left at the end.

    Packets are (n_steps + 1, 32) by the steps before which their intervals began, of which a delay
    line has one for each step with spikes.
    """

    rewards: FloatArray
    packets: NDArray[np.bool_]
    core: Core
    memory: Memory


def emulated(setup: Setup, core: Core | None = None, memory: Memory | None = None) -> Episode:
    """The episode that the learner's kernel runs; with another chip or memory if they are given."""
    core = setup.network() if core is None else core
    memory = setup.memory() if memory is None else memory
    # The router's ring keeps packets until it overwrites them: with a place for every step, all.
    core = core._replace(
        in_flight=np.zeros(setup.n_steps, dtype=np.uint32),
        due=np.zeros(setup.n_steps, dtype=np.int64),
    )
    rewards: FloatArray = np.zeros(N_DECISIONS)
    program: Any = type(memory)
    episode_kernel(program)(
        core,
        memory,
        environments(setup.tasks)[0],
        decision_protocol(setup.agent.circuit),
        CODINGS.index(setup.agent.coding),
        np.uint64(setup.seed),
        N_DECISIONS,
        rewards,
    )
    assert core.clock[0] == setup.n_steps
    sent = slice(0, int(core.queue.sum()))
    packets = np.zeros((setup.n_steps + 1, N_NEURONS), dtype=bool)
    packets[core.due[sent] - core.delay] = mask_bits(core.in_flight[sent])
    return Episode(rewards, packets, core, memory)


class BrianEpisode:
    """An episode in Brian2, and the processor in it, which acts between two steps.

    Attributes:
        core: never run; holds what the shared rules work on: weights, counters, random generator.
        addresses: what sends from outside: a source per state's stimulus, one per action's row.
        events: all that came from outside.
        writes: (1024,) the weights, by the step before which they were written.
        membrane_V: (n_steps, 32) after each step.
        packets: (n_steps + 1, 32), see ``Episode``.
    """

    def __init__(self, setup: Setup) -> None:
        import brian2 as b2

        circuit = setup.agent.circuit
        self.core, self.memory = setup.network(), setup.memory()
        self.coding = CODINGS.index(setup.agent.coding)
        self.n_kicks = circuit.n_stimulus_spikes
        words = np.empty(SEED_LANE + 1, dtype=np.uint32)
        seed_words(np.uint64(setup.seed), words)
        self.core.random[0] = words[SEED_LANE]
        hooks.begin(self.core, self.memory)
        self.addresses: list[Address] = [((state + 1) % S, state) for state in range(S)]
        self.addresses += [(row, ROUTER_ADDRESS_U6) for row in range(S, S + A)]
        self.packets = np.zeros((setup.n_steps + 1, N_NEURONS), dtype=bool)
        self.states: list[int] = []
        self.actions: list[int] = []
        self.rewards: list[float] = []
        self.events: list[Event] = []
        self.writes = {0: self.core.weight_u6.copy()}

        begin_anew(STEP_S)
        mismatch = setup.agent.mismatch
        assert mismatch != "routine"  # whose neurons have codes of their own
        cells = neurons_of_chip(neuron_codes(circuit, S), setup.agent.chips[0], mismatch)
        self.cells = neurons(cells, STEP_S)
        self.outside = b2.NeuronGroup(
            len(self.addresses), "go : boolean", threshold="go", reset="go = False", name="outside"
        )
        self.router, self.delay = (
            circuit.router,
            round(circuit.router_delay_cycles / FPGA_HZ / STEP_S),
        )
        self.collector = b2.NeuronGroup(
            N_NEURONS, "go : boolean", threshold="go", reset="go = False", name="collector"
        )
        by_themselves = self.router == "delay_line"
        self.routed = synapses(
            self.core,
            self.cells if by_themselves else self.collector,
            routes(self.core),
            self.cells,
            delay_s=self.delay * STEP_S if by_themselves else 0.0,
            silent=True,
            name="routed",
        )
        stimuli = synapses(self.core, self.outside, self.addresses, self.cells, name="stimuli")
        # Neurons fire, then the processor looks and acts, then what it sends is delivered.
        processor = b2.NetworkOperation(self._between_steps, when="after_thresholds", order=0)
        for senders in (self.outside, self.collector):
            senders.set_event_schedule("spike", when="after_thresholds", order=1)
        membrane = b2.StateMonitor(self.cells, "v", record=True, when="end", name="membrane")
        self.clock, self.due, self.interval_began = 0, 0, -1
        self.protocol = self._decisions(environments(setup.tasks)[0])
        # Brian2 rests for a step, in which the events come that precede the episode's first.
        groups = self.cells, self.outside, self.collector
        network = b2.Network(*groups, *self.routed, *stimuli, processor, membrane)
        network.run((setup.n_steps + 1) * STEP_S * b2.second)
        self.membrane_V = np.asarray(membrane.v)[:, 1:].T

    def _between_steps(self) -> None:
        fired = np.asarray(self.cells.spikes)
        self._collect(fired)
        if fired.size:
            first = fired[self.core.counters_u10[fired] == 0]
            self.core.first_spike[first] = self.clock - 1
            self.core.counters_u10[fired] += 1
        if self.clock == self.due:
            self.due += next(self.protocol, 1)
        self.clock += 1

    def _collect(self, fired: NDArray[np.int64]) -> None:
        """Sends the packet whose interval is over, and puts the step's spikes into the open one."""
        if self.router == "delay_line":
            self.packets[self.clock, fired] = True
            return
        over = self.clock == self.interval_began + self.delay
        if over and self.interval_began >= 0:
            self.collector.go[self.packets[self.interval_began]] = True
        if self.router == "squeeze_windows":
            self.interval_began = self.clock // self.delay * self.delay
        elif over or self.interval_began < 0:
            self.interval_began = self.clock if fired.size else -1
        if fired.size:
            self.packets[self.interval_began, fired] = True

    def _decisions(self, environment: Environment) -> Iterator[int]:
        """The protocol; yields how many steps it waits."""
        state = environment.start_state
        for decision in range(N_DECISIONS):
            self.core.counters_u10[:] = 0
            for _ in range(self.n_kicks):
                self._send([state])
                yield INTERVAL
            yield SETTLE
            action = int(choose(self.core, self.coding, S, A))
            hooks.decided(self.core, self.memory, decision, state, action)
            self._write_weights()
            for _ in range(N_SILENCE):
                self._send(list(range(S, S + A)))
                yield INTERVAL
            step = transition(environment, self.core.random, decision, state, action)
            hooks.rewarded(self.core, self.memory, state, action, int(step[1]))
            self.states.append(state)
            self.actions.append(action)
            self.rewards.append(float(step[2]))
            state = int(step[0])
            yield SETTLE

    def _send(self, sources: list[int]) -> None:
        self.outside.go[sources] = True
        self.events += [(self.clock, *self.addresses[source]) for source in sources]

    def _write_weights(self) -> None:
        strength = strengths(self.core)
        for some in self.routed:
            some.w = strength[np.asarray(some.i), np.asarray(some.j)]  # of row i, by neuron i
        self.writes[self.clock] = self.core.weight_u6.copy()
