"""Copies of a network: their answers are averaged, and they differ in their potentials alone."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from support.learner_cases import case

from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.quadratic import Quadratic
from spikeloop.workers.learners.lsnn import tile
from spikeloop.workers.learners.lsnn.learner import Lsnn
from spikeloop.workers.learners.lsnn.settings import LsnnSettings
from spikeloop.workers.space import Parameters

FAMILY = Quadratic(n_steps=12)
TASKS = FAMILY.sample(4, np.random.default_rng(5))
SEEDS = np.arange(4, dtype=np.uint64)[None]


def lsnn(copies: int, **changes: Any) -> Lsnn:
    learner = case("lsnn", FAMILY, precision="float64", copies=copies, **changes).learner
    assert isinstance(learner, Lsnn)
    return learner


def drawn(learner: Lsnn) -> Parameters:
    space = learner.space(FAMILY.interface)
    return space.decode(space.sample(1, np.random.default_rng(6)))


def answers(learner: Lsnn) -> FloatArray:
    """(n_steps, n_tasks)."""
    acted: Any = tile.actions(learner, drawn(learner), TASKS, SEEDS)
    found: FloatArray = acted[0, :, :, 0]
    return found


def counts(learner: Lsnn) -> FloatArray:
    """(n_steps, n_neurons) spikes an episode."""
    found: FloatArray = tile.trace(learner, drawn(learner), TASKS, SEEDS).counts[0]
    return found


@pytest.fixture
def potentials(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[FloatArray]]:
    """The first potentials of every network, (copies, n), as long as the list holds any."""
    given: list[FloatArray] = []
    own = LsnnSettings.first_potentials
    monkeypatch.setattr(
        LsnnSettings, "first_potentials", lambda self: given[0] if given else own(self)
    )
    tile._running.cache_clear()  # compiled with other potentials
    yield given
    tile._running.cache_clear()


def test_copies_are_networks_whose_answers_are_averaged(potentials: list[FloatArray]) -> None:
    """Inputs do not depend on answers, so each copy does what it would do alone."""
    together, spikes = answers(lsnn(3)), counts(lsnn(3))
    begin = lsnn(3).first_potentials()
    alone, spikes_alone = [], []
    for copy in range(3):
        potentials[:] = [np.stack(2 * [begin[copy]])]
        tile._running.cache_clear()
        alone.append(answers(lsnn(2)))
        spikes_alone.append(counts(lsnn(2)))
    np.testing.assert_allclose(together, np.mean(alone, axis=0), rtol=1e-12)
    np.testing.assert_allclose(spikes, np.mean(spikes_alone, axis=0), rtol=1e-12)
    assert (spikes_alone[1] != spikes_alone[0]).any()
    np.testing.assert_array_equal(alone[0], answers(lsnn(1)))  # the first one begins at rest
    assert np.abs(alone[1] - alone[0]).max() > 1e-3


def test_first_potentials_are_below_threshold_and_a_function_of_the_network() -> None:
    learner = lsnn(5, network=3, threshold=0.02)
    begin = learner.first_potentials()
    assert begin.shape == (5, learner.n_neurons)
    assert not begin[0].any()
    assert (begin[1:] >= 0).all()
    assert (begin[1:] < 0.02).all()
    assert begin[1:].mean() == pytest.approx(0.01, rel=0.2)
    np.testing.assert_array_equal(begin, lsnn(5, network=3, threshold=0.02).first_potentials())
    np.testing.assert_array_equal(begin[:3], lsnn(3, network=3, threshold=0.02).first_potentials())
    assert (begin[1:] != lsnn(5, network=4, threshold=0.02).first_potentials()[1:]).all()


def test_copies_share_weights_and_random_numbers_of_inputs() -> None:
    """The record is that of the first copy, which does what a single network does."""
    one, three = lsnn(1, input="spikes"), lsnn(3, input="spikes")
    assert one.space(FAMILY.interface) == three.space(FAMILY.interface)
    single, several = (
        tile.trace(learner, drawn(learner), TASKS, SEEDS) for learner in (one, three)
    )
    for name in ("seen", "drive", "spikes", "adaptation"):
        np.testing.assert_array_equal(getattr(several, name), getattr(single, name))
    assert (several.action != single.action).any()
    assert several.counts.shape == single.counts.shape
