from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from support.random_networks import BANDIT, QUADRATIC, random_network

from spikeloop.coordinator.interpretation.carrier.lesions import ExchangedTrains
from spikeloop.coordinator.interpretation.closed_loop.simulation import ClosedLoop, State
from spikeloop.coordinator.interpretation.closed_loop.subject import closed_loop
from spikeloop.coordinator.interpretation.held_out_episodes import HeldOutEpisodes
from spikeloop.workers.learners.lsnn import tile

N = 12


@pytest.mark.parametrize(
    ("family", "learner"),
    [
        (BANDIT, {"input": "spikes", "adaptive_share": 0.5, "delays_ms": [1.0, 4.0]}),
        pytest.param(QUADRATIC, {"centering_rate_hz": 20.0}, marks=pytest.mark.exhaustive),
        pytest.param(BANDIT, {"reset": "zero"}, marks=pytest.mark.exhaustive),
        pytest.param(BANDIT, {"explores": False}, marks=pytest.mark.exhaustive),
    ],
    ids=["spiking inputs", "functions", "reset to zero", "likeliest action"],
)
def test_spikes_without_a_lesion_are_the_learners_own(
    family: dict[str, Any], learner: dict[str, Any]
) -> None:
    held = HeldOutEpisodes(random_network(family, **learner), N, seed=0)
    loop = closed_loop(held)
    n_steps = loop.net.interface.n_steps
    found = loop.run(keep=range(n_steps))
    parameters = held.learned.config.space.decode(held.learned.point[None, :])
    own = tile.trace(loop.net.learner, parameters, held.tasks, held.seeds)
    spikes = np.stack([found.spikes[decision] for decision in range(n_steps)])
    assert 0.01 < spikes.mean() < 0.5
    np.testing.assert_array_equal(spikes, own.spikes[0] > 0)
    action = found.action.reshape(N, n_steps, -1)
    np.testing.assert_allclose(action, own.action[0].reshape(n_steps, N, -1).swapaxes(0, 1))
    np.testing.assert_allclose(found.feedback, own.feedback[0].T, atol=1e-12)


def loop_of_bandits() -> ClosedLoop:
    return closed_loop(HeldOutEpisodes(random_network(BANDIT), N, seed=0))


def test_an_exchange_of_trains_with_themselves_changes_nothing() -> None:
    loop = loop_of_bandits()
    found, intact = loop.run(exchange=lambda spikes: spikes, keep=[24]), loop.run(keep=[24])
    np.testing.assert_array_equal(found.spikes[24], intact.spikes[24])
    other = loop.run(exchange=ExchangedTrains(np.random.default_rng(0)), keep=[24])
    assert (other.spikes[24] != intact.spikes[24]).any()


def test_parts_of_the_state_are_exchanged_or_put_to_rest_and_no_others() -> None:
    loop, rng = loop_of_bandits(), np.random.default_rng(1)
    swapped = np.roll(np.arange(N), 1)

    def checked(decision: int, state: State) -> None:
        state.axons.ring[...] = rng.random(state.axons.ring.shape)
        before = deepcopy(state)
        state.exchange(("v", "axons"), swapped)
        np.testing.assert_array_equal(state.v, before.v[swapped])
        np.testing.assert_array_equal(state.axons.ring, before.axons.ring[:, swapped])
        np.testing.assert_array_equal(state.b, before.b)
        state.rest(("b", "axons"))
        assert not state.b.any()
        assert not state.axons.ring.any()
        np.testing.assert_array_equal(state.y, before.y)

    loop.run(change=checked)
    intact = loop.run()
    same = loop.run(change=lambda decision, state: state.exchange(("v", "b"), np.arange(N)))
    np.testing.assert_array_equal(same.action, intact.action)


def test_a_network_at_rest_before_each_decision_forgets() -> None:
    """With all of the state at rest, equal inputs give equal spikes in all decisions."""
    loop = closed_loop(HeldOutEpisodes(random_network(BANDIT, shows_action=False), N, seed=0))
    everything = "v", "b", "z", "waiting", "y", "axons"
    found = loop.run(change=lambda decision, state: state.rest(everything), keep=range(1, 25))
    paid = found.feedback > 0
    for decision in range(2, 25):
        same = paid[:, decision - 1][:, None] == paid[:, 0]
        spikes, first = found.spikes[decision], found.spikes[1]
        for episode, other in zip(*np.nonzero(same), strict=True):
            np.testing.assert_array_equal(spikes[:, episode], first[:, other])
