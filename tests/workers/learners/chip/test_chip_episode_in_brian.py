"""A whole episode on the emulator agrees with Brian2, learning and environment included."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from support.brian_circuit import ROUNDING_V
from support.brian_episode import FAMILY, N_DECISIONS, A, BrianEpisode, S, Setup, emulated
from support.chip_recording import record

from spikeloop.workers.chip.circuit import Circuit
from spikeloop.workers.chip.limits import N_NEURONS
from spikeloop.workers.chip.task_message import environments
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.plasticity import TdLambda, TdPublished
from spikeloop.workers.plasticity.program import VALUE_ONE
from spikeloop.workers.space import Parameters

pytestmark = [pytest.mark.brian, pytest.mark.filterwarnings("ignore")]

ANOTHER = Circuit(
    noise_V=0.0,
    v_thresh_u10=620,
    leak_u10=170,
    resistor_exc_u10=70,
    resistor_inh_u10=40,
    refractory_u10=80,
    gm_exc_u10=26,
    pulse_u5=2,
    router="delay_line",
    router_delay_cycles=125,
    n_stimulus_spikes=4,
)
SETUPS = {
    "chip as made, td_lambda": Setup(
        ChipAgent(mismatch="uncalibrated", circuit=Circuit(noise_V=0.0)),
        {"initial_weight": 50, "weight_lower": 20, "weight_upper": 60, "rescale_period": 12},
        seed=17,
    ),
    "ideal chip, another circuit, td_published": Setup(
        ChipAgent(mismatch="off", circuit=ANOTHER, coding="first", program=TdPublished()),
        {"gamma": 0.3, "eta": 0.8, "rescale_period": 7, "inhibition": 25},
        seed=12,
    ),
    "calibrated chip, td_lambda by counts": Setup(
        ChipAgent(
            mismatch="calibrated",
            circuit=Circuit(noise_V=0.0, router="squeeze_windows"),
            coding="count",
            program=TdLambda(trace_decay=0.9),
        ),
        {"gamma": 0.2, "eta": 0.9, "initial_weight": 50, "rescale_period": 5},
        seed=13,
    ),
}
SAMPLED = "chip as made, td_lambda"
NAMES = [pytest.param(name, marks=[pytest.mark.exhaustive] * (name != SAMPLED)) for name in SETUPS]


@cache
def episodes_done(name: str) -> BrianEpisode:
    """An episode in Brian2, kept for all tests."""
    return BrianEpisode(SETUPS[name])


@pytest.mark.parametrize("name", NAMES)
def test_an_episode_is_brians_spike_for_spike(name: str) -> None:
    """Rewards, states, actions, packets, weights, random numbers: equal, none by tolerance."""
    setup, theirs = SETUPS[name], episodes_done(name)
    ours = emulated(setup)
    np.testing.assert_array_equal(ours.rewards, theirs.rewards)
    # Every transition pays a number of its own, so the kernel's rewards tell states and actions.
    paid = environments(setup.tasks)[0].reward
    for reward, state, action in zip(ours.rewards, theirs.states, theirs.actions, strict=True):
        assert np.argwhere(paid == reward)[:, :2].tolist() == [[action, state]]
    by_decision = (N_DECISIONS, -1, N_NEURONS)
    ours_by_decision = ours.packets[1:].reshape(by_decision)
    theirs_by_decision = theirs.packets[1:].reshape(by_decision)
    for decision in range(N_DECISIONS):
        np.testing.assert_array_equal(
            ours_by_decision[decision], theirs_by_decision[decision], err_msg=f"decision {decision}"
        )
    np.testing.assert_array_equal(ours.packets[0], theirs.packets[0])
    np.testing.assert_array_equal(ours.core.weight_u6, theirs.core.weight_u6)
    assert ours.core.random[0] == theirs.core.random[0]
    for one, other in ((ours.memory, theirs.memory), (ours.memory.td, theirs.memory.td)):
        for field, value in one._asdict().items():
            if field != "td":
                np.testing.assert_array_equal(value, getattr(other, field), err_msg=field)

    # And the learner returns what was earned and learned.
    space = setup.agent.space(FAMILY.interface)
    parameters = Parameters(space, np.array([list(setup.theta.values())]))
    seeds = np.array([[setup.seed]], dtype=np.uint64)
    episodes = setup.agent.run_episodes(parameters, setup.tasks, seeds)
    assert episodes.returns[0, 0] == pytest.approx(sum(theirs.rewards), rel=1e-12)
    weight_u6 = theirs.core.weight_u6.reshape(-1, N_NEURONS)[:S, S : S + A]
    assert episodes.action_values is not None
    np.testing.assert_array_equal(episodes.action_values[0, 0], weight_u6 * 128.0 / VALUE_ONE)

    # It is an episode in which something happens.
    assert len(set(theirs.states)) >= S - 1
    assert len(set(theirs.actions)) >= A - 4
    assert theirs.packets.sum() > 800
    n_winners = theirs_by_decision[:, :, S : S + A].any(axis=1).sum(axis=1)
    assert n_winners.min() <= 1 < n_winners.max()
    assert len({weights.tobytes() for weights in theirs.writes.values()}) > N_DECISIONS / 2


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", SETUPS)
def test_membranes_stay_within_rounding_of_brians_for_the_whole_episode(name: str) -> None:
    """The chip step by step, with events and weights of Brian2's episode: 26 500 steps or more."""
    theirs, core = episodes_done(name), SETUPS[name].network()
    stops = [*theirs.writes, len(theirs.membrane_V)]
    parts = []
    for begin, end in pairwise(stops):
        core.weight_u6[:] = theirs.writes[begin]
        events = [event for event in theirs.events if begin <= event[0] < end]
        parts.append(record(core, end - begin, events).membrane_V)
    ours = np.concatenate(parts)
    assert np.abs(ours - theirs.membrane_V).max() < ROUNDING_V
    assert np.abs(ours[1:] - theirs.membrane_V[:-1]).max() > 1e-2  # had it been a step late


@pytest.mark.parametrize("name", NAMES)
def test_a_step_or_a_code_in_the_emulated_episode_would_be_seen(name: str) -> None:
    """The negative controls: each of these faults of the emulator changes its packets."""
    setup, theirs = SETUPS[name], episodes_done(name)
    core, memory = setup.network(), setup.memory()
    weaker = setup.network()
    weaker.weight_u6[theirs.states[0] * (N_NEURONS + 1)] -= 1
    faults = {
        "router a step late": emulated(setup, core._replace(delay=core.delay + 1)),
        "state's own synapse a code lower": emulated(setup, weaker),
        "no learning": emulated(setup, memory=memory._replace(td=memory.td._replace(eta_q7=0))),
        "other random numbers": emulated(setup._replace(seed=setup.seed + 1)),
    }
    for fault, episode in faults.items():
        assert not np.array_equal(episode.packets, theirs.packets), fault
