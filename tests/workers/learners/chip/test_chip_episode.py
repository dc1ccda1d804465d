"""The decision protocol, the environment on the chip, and predictable episodes."""

import numpy as np
import pytest
from support.chip_recording import record
from support.statistical_asserts import assert_frequencies

from spikeloop.tasks.base import Interface
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.chip.analog import membrane_response
from spikeloop.workers.chip.capmem import ideal_constants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import Core, new_core
from spikeloop.workers.chip.environment import transition
from spikeloop.workers.chip.limits import DECISION_CYCLES, N_NEURONS, PPU_HZ
from spikeloop.workers.chip.mismatch import neurons_of_chip, synapse_gains
from spikeloop.workers.chip.network import connect
from spikeloop.workers.chip.noise import seed_words
from spikeloop.workers.chip.ppu.scalar_unit import lcg
from spikeloop.workers.chip.router import advance
from spikeloop.workers.chip.task_message import environments
from spikeloop.workers.learners.chip.coding import CODINGS, COUNT, FIRST, choose
from spikeloop.workers.learners.chip.episode import (
    decision_protocol,
    episode_kernel,
    silence,
    stimulate,
)
from spikeloop.workers.plasticity import TdLambda
from spikeloop.workers.plasticity.td_lambda import TdMemory

QUIET = Circuit(noise_V=0.0)
TIMING = decision_protocol(QUIET)
S, A = 6, 8
FIRED = CODINGS.index("fired")


def network(weights: list[int] | None = None, circuit: Circuit = QUIET) -> Core:
    """An ideal chip with the network of 6 states and 8 actions; ``weights`` leave state 0."""
    cells = ideal_constants(neuron_codes(circuit, S))
    core = new_core(cells, circuit.step_s, noise_V=circuit.noise_V, router=circuit.router)
    connect(core, S, A, inhibition_u6=63)
    seed_words(np.uint64(5), core.lanes)
    core.random[0] = 12345
    if weights is not None:
        core.weight_u6[S : S + A] = weights
    return core


def run_once(
    n_steps: int, circuit: Circuit, seed: int, rescale_period: float = 1e6
) -> tuple[Core, TdMemory]:
    """The chip and the program's memory after one episode, in which nothing is learned."""
    core = network(circuit=circuit)
    theta = {
        "gamma": 0.0,
        "eta": 0.0,
        "initial_weight": 50.0,
        "weight_lower": 20.0,
        "weight_upper": 60.0,
        "rescale_period": rescale_period,
    }
    memory = TdLambda(trace_decay=0.0).memory(theta, Interface(S, A, "discrete", 2000))
    task = environments(RandomMdp().sample(1, np.random.default_rng(0)))[0]
    protocol, curve = decision_protocol(circuit), np.zeros(1)
    episode_kernel(TdMemory)(core, memory, task, protocol, FIRED, np.uint64(seed), n_steps, curve)
    return core, memory


@pytest.mark.parametrize("step_s", [1e-7, 2e-7])
def test_a_decision_takes_5300_cycles_and_draws_one_action_and_one_successor(
    step_s: float,
) -> None:
    assert DECISION_CYCLES == 5300
    n_decisions = 7
    core, _ = run_once(n_decisions, Circuit(step_s=step_s), 11)
    assert core.clock[0] == round(n_decisions * DECISION_CYCLES / PPU_HZ / step_s)
    lanes = np.empty(N_NEURONS + 1, dtype=np.uint32)
    seed_words(np.uint64(11), lanes)
    random = int(lanes[N_NEURONS])
    for _ in range(2 * n_decisions):
        random = lcg(random)
    assert core.random[0] == random


def fired(chip: Core, actions: list[int]) -> None:
    chip.counters_u10[:] = 0
    chip.counters_u10[0] = 30
    for k, action in enumerate(actions):
        chip.counters_u10[S + action] = 1 + 5 * k


@pytest.mark.parametrize("actions", [[2], [0, 7], [1, 3, 4], list(range(A)), []])
def test_the_choice_is_uniform_among_the_actions_that_fired(actions: list[int]) -> None:
    chip = network()
    counts = np.zeros(A, dtype=np.int64)
    for _ in range(4000):
        fired(chip, actions)
        counts[choose(chip, FIRED, S, A)] += 1
    allowed = actions or list(range(A))
    assert counts[allowed].sum() == 4000
    random, n_draws = 12345, 4000 * (1 if actions else 2)  # twice where no neuron fired
    for _ in range(n_draws):
        random = lcg(random)
    assert chip.random[0] == random
    if len(allowed) > 1:
        by_count = 1.0 + 5 * np.arange(len(allowed))  # as if spike counts were weights
        law, wrong = np.full(len(allowed), 1 / len(allowed)), by_count / by_count.sum()
        assert_frequencies(counts[allowed], law, alpha=1e-4, control=wrong)


@pytest.mark.parametrize(
    ("coding", "expected"), [(FIRED, [1, 2, 4, 6]), (FIRST, [2, 6]), (COUNT, [1, 4])]
)
def test_each_coding_draws_among_its_own_best_actions(coding: int, expected: list[int]) -> None:
    """Actions 2 and 6 fire first, 1 and 4 most often; silent neurons never win by old times."""
    chip = network()
    counts = np.zeros(A, dtype=np.int64)
    for _ in range(2000):
        chip.counters_u10[:] = 0
        chip.counters_u10[[S + a for a in (1, 2, 4, 6)]] = [5, 1, 5, 2]
        chip.first_spike[:] = 0
        chip.first_spike[[S + a for a in (1, 2, 4, 6)]] = [1040, 1017, 1030, 1017]
        counts[choose(chip, coding, S, A)] += 1
    assert counts[expected].sum() == 2000
    assert_frequencies(counts[expected], np.full(len(expected), 1 / len(expected)), alpha=1e-4)


def test_first_spike_is_recorded_once_and_anew_after_reading() -> None:
    chip = network([63, 40, 0, 0, 0, 0, 0, 0])
    stimulate(chip, 0, S, TIMING)
    begun = chip.first_spike[0]
    assert 0 < begun < 30  # the state neuron fires soon after its stimulus
    assert chip.counters_u10[0] > 1
    assert begun < chip.first_spike[S] < chip.clock[0]
    silence(chip, S, A, TIMING)
    advance(chip, TIMING.settle)
    between = int(chip.clock[0])
    stimulate(chip, 0, S, TIMING)
    assert between < chip.first_spike[0] < between + 30


def test_a_state_reverberates_until_an_action_fires_or_it_is_silenced() -> None:
    unheard = network([0] * A)
    stimulate(unheard, 0, S, TIMING)
    assert unheard.counters_u10[0] > 15
    assert unheard.counters_u10[1:].sum() == 0
    heard = network([63] * A)
    stimulate(heard, 0, S, TIMING)
    assert 1 <= heard.counters_u10[0] < 0.6 * unheard.counters_u10[0]
    assert (heard.counters_u10[S : S + A] == 1).all()
    silence(unheard, S, A, TIMING)
    unheard.counters_u10[:] = 0
    advance(unheard, TIMING.settle)
    assert unheard.counters_u10.sum() == 0


def test_winners_and_times_of_a_race_follow_from_the_state_spikes() -> None:
    """The race in closed form, on an uncalibrated chip with unequal synapses.

    An action's membrane is the sum of responses to the state's packets, times the weight. Each
    leaves the router one delay after the state's first spike since the last. The first neuron to
    cross its threshold ends the race when its packet arrives, which may be one that the state's
    spike has opened. Every neuron that crosses before that fires in exactly that step, and no other
    one does.
    """
    n_steps, n_winners = 230, set()
    for seed in range(20):
        cells = neurons_of_chip(neuron_codes(QUIET, S), seed, "uncalibrated")
        gain = synapse_gains(seed, "uncalibrated")
        core = new_core(cells, QUIET.step_s, gain=gain, router=QUIET.router)
        connect(core, S, A, inhibition_u6=63)
        weights = np.random.default_rng(seed).integers(20, 64, A)
        core.weight_u6[S : S + A] = weights
        _, fired = record(core, n_steps, [(0, 1, 0), (10, 1, 0), (20, 1, 0)])

        arrivals: list[int] = []
        for time in np.flatnonzero(fired[:, 0]) + 1:
            if not arrivals or time >= arrivals[-1]:
                arrivals.append(time + core.delay)
        crossings = {}
        for action, neuron in enumerate(range(S, S + A)):
            taus_s = cells.tau_mem_s[neuron], cells.tau_exc_s[neuron]
            lift_V = weights[action] * core.gain[neuron] * cells.exc_V[neuron]
            ages = np.arange(1, n_steps + 1)[:, None] - np.array(arrivals)
            response = membrane_response(QUIET.step_s * ages.clip(0), *taus_s)
            membrane_V = cells.v_leak_V[neuron] + lift_V * response.sum(axis=1)
            above = np.flatnonzero(membrane_V >= cells.v_thresh_V[neuron])
            if above.size:
                crossings[neuron] = above[0]
        first = min(crossings.values(), default=n_steps) + 1
        opened = [time for time in arrivals if first < time <= first + core.delay]
        ended = min(opened, default=first + core.delay)
        expected = {neuron: step for neuron, step in crossings.items() if step < ended}
        race = fired[:ended]
        assert {n: race[:, n].argmax() for n in range(S, S + A) if race[:, n].any()} == expected
        n_winners.add(len(expected))
    assert {0, 1, 2} <= n_winners


def test_successors_follow_the_transition_probabilities() -> None:
    """False alarms at 1e-4 in all. The most lopsided row is rejected if it is read backwards."""
    tasks = RandomMdp(n_states=4, n_actions=2).sample(1, np.random.default_rng(3))
    environment = environments(tasks)[0]
    random = np.array([99], dtype=np.int64)
    drawn = []
    for action in range(2):
        for state in range(4):
            law = tasks.transition[0, action, state]
            counts = np.zeros(4, dtype=np.int64)
            for _ in range(3000):
                counts[transition(environment, random, 0, state, action)[0]] += 1
            possible = law > 0
            assert counts[~possible].sum() == 0
            if possible.sum() > 1:
                drawn.append((counts[possible], law[possible]))
    for counts, law in drawn:
        assert_frequencies(counts, law, alpha=1e-4 / 8)
    counts, law = max(drawn, key=lambda pair: float(np.abs(pair[1] - pair[1][::-1]).max()))
    with pytest.raises(AssertionError):
        assert_frequencies(counts, law[::-1], alpha=1e-4 / 8)


@pytest.mark.parametrize(("rescale_period", "weight"), [(10, 50), (9, 60)])
def test_rescaling_happens_at_its_period(rescale_period: int, weight: int) -> None:
    """Ten decisions; rescaling makes equal weights the upper one."""
    _, memory = run_once(10, Circuit(), 1, rescale_period)
    assert (memory.table == weight * 128).all()
