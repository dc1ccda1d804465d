import numpy as np
import pytest
from support.remembering_networks import adapting_network, recalling_loop, reverberating_network

from spikeloop.coordinator.export.frozen_network import FrozenNetwork
from spikeloop.coordinator.interpretation.memory.lesions import cycle, lesions
from spikeloop.coordinator.interpretation.memory.measurement import Memory, measure
from spikeloop.coordinator.interpretation.memory.section import results


def test_every_episode_gets_the_state_of_another() -> None:
    for seed in range(20):
        other = cycle(5, np.random.default_rng(seed))
        assert sorted(other) == list(range(5))
        assert (other != np.arange(5)).all()


def test_the_single_exchange_is_before_the_middle_and_left_out_of_one_decision() -> None:
    assert {one.once for one in lesions(40)["once"]} == {20}
    assert lesions(1)["once"] == []


@pytest.mark.parametrize(
    ("network", "keeps", "does_not"),
    [
        (adapting_network(), "adaptation", "running activity"),
        (reverberating_network(), "running activity", "adaptation"),
    ],
    ids=["in thresholds", "in activity"],
)
def test_a_planted_memory_is_found_where_it_is(
    network: FrozenNetwork, keeps: str, does_not: str
) -> None:
    memory = measure(recalling_loop(network, 60), 0, lambda line: None)
    assert (memory.intact[:, 1] == 1).all()
    numbers = results(memory).numbers
    for when in (
        numbers["always"],
        {name: one["loss"] for name, one in numbers["once"].items()},
    ):
        assert when[f"{keeps} of other episodes"]["low"] > 0.3
        assert when["everything of other episodes"]["low"] > 0.3
        assert when[f"{keeps} at rest"]["low"] > 0.3
        assert when[f"{does_not} of other episodes"]["value"] == 0
    assert numbers["repeated"]["value"] == 0  # nothing is random


def test_losses_are_shares_of_the_gain_from_a_decision_on() -> None:
    intact, random = np.full((4, 6), 3.0), np.ones(4)
    lesioned = intact - np.array([0, 0, 0, 1, 1, 1.0])
    memory = Memory(intact, random, {}, intact, seed=0)
    assert memory.loss(lesioned).value == pytest.approx(0.25)
    assert memory.loss(lesioned, first=3).value == pytest.approx(0.5)
    np.testing.assert_allclose(memory.curve(lesioned).mean, [0, 0, 0, 0.5, 0.5, 0.5])
