"""The published evolution strategy: its update and each of its faults, exactly."""

import numpy as np
import pytest

from spikeloop.coordinator.strategies.base import Evaluation
from spikeloop.coordinator.strategies.published.evolution import (
    EvolutionPublished,
    EvolutionPublishedState,
    utilities,
)
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.space import ParameterSpace, Real, Weights

SPACE = ParameterSpace((Real("a", 0.0, 1.0, 0.25), Weights("w", (2,), 1.0)))
START = SPACE.default_point()
TOP = np.array([0.7, 1.0, -1.0])


def fitness_of(points: FloatArray) -> FloatArray:
    return np.asarray(-((points - TOP) ** 2).sum(axis=1))


def begin(strategy: EvolutionPublished, seed: int = 0) -> EvolutionPublishedState:
    return strategy.init(SPACE, START, np.random.default_rng(seed))


def tell(
    strategy: EvolutionPublished, state: EvolutionPublishedState, fitness: FloatArray
) -> EvolutionPublishedState:
    rng = np.random.default_rng(1)
    return strategy.tell(state, strategy.ask(state, rng), Evaluation(fitness), rng)


def test_utilities_are_those_of_wierstra() -> None:
    raw = [np.log(3) - np.log(1), np.log(3) - np.log(2), 0.0, 0.0]
    np.testing.assert_allclose(utilities(4), np.array(raw) / sum(raw) - 1 / 4, rtol=1e-14)
    assert utilities(50).sum() == pytest.approx(0.0, abs=1e-14)
    assert utilities(1).tolist() == [0.0]


def test_a_generation_has_fifty_candidates_and_the_point_itself() -> None:
    strategy = EvolutionPublished()
    state = begin(strategy)
    points = strategy.ask(state, np.random.default_rng(0)).points
    assert len(points) == 51
    np.testing.assert_array_equal(points[50], START)
    np.testing.assert_allclose(points[:25, 1:] + points[25:50, 1:], 0.0, atol=1e-15)
    np.testing.assert_allclose(points[:25, 1:], 0.1 * state.noise[:, 1:], rtol=1e-14)


def test_tell_takes_the_published_step() -> None:
    """α / (n σ²) Σ u e, one 1/n more than Wierstra's, with α decaying."""
    strategy = EvolutionPublished(n_pairs=3)
    state = begin(strategy)
    for generation in range(3):
        fitness = fitness_of(strategy.ask(state, np.random.default_rng(1)).points)
        e = 0.1 * np.vstack([state.noise, -state.noise])
        weighted = sum(
            u * e[k] for u, k in zip(utilities(6), np.argsort(-fitness[:6]), strict=True)
        )
        after = tell(strategy, state, fitness)
        expected = state.center + 0.5 * 0.95**generation / (6 * 0.1**2) * weighted
        np.testing.assert_allclose(after.center, expected, rtol=1e-12)
        state = after


def test_the_effective_gain_is_a_tenth() -> None:
    """With n = 50 the step is 0.1 Σ u ε."""
    strategy = EvolutionPublished()
    state = begin(strategy)
    fitness = fitness_of(strategy.ask(state, np.random.default_rng(1)).points)
    noise = np.vstack([state.noise, -state.noise])[np.argsort(-fitness[:50])]
    step = tell(strategy, state, fitness).center - state.center
    np.testing.assert_allclose(step, 0.1 * utilities(50) @ noise, rtol=1e-10)


def test_clipped_candidates_are_credited_with_steps_that_they_did_not_take() -> None:
    """At a face half of the candidates are one and the same point, with different steps."""
    strategy = EvolutionPublished()
    state = strategy.init(SPACE, np.array([0.0, 0.0, 0.0]), np.random.default_rng(0))
    points = strategy.ask(state, np.random.default_rng(1)).points
    on_face = np.flatnonzero(points[:50, 0] == 0.0)
    assert on_face.size == 25
    # Fitness of the face: it grows with the part of a step that was clipped.
    e = 0.1 * np.vstack([state.noise, -state.noise])[:, 0]
    fitness = np.where(points[:50, 0] == 0.0, 1.0 - e, 0.0)
    after = tell(strategy, state, np.append(fitness, 0.0))
    assert after.center[0] < 0.0  # out of the box, where no candidate has ever been
    far = EvolutionPublishedState(
        state.generation,
        np.array([-1.0, 0.0, 0.0]),
        state.noise,
        state.bounded,
        state.best,
        state.current_place,
    )
    outside = strategy.ask(far, np.random.default_rng(1)).points
    assert (outside[:, 0] == 0.0).all()


def test_the_fitness_of_the_point_itself_is_taken_from_its_neighbour() -> None:
    """Entry 49 of 0 … 50, the last mirrored candidate, passes for entry 50."""
    strategy = EvolutionPublished()
    state = begin(strategy)
    fitness = np.linspace(0.0, 0.98, 51)
    fitness[49], fitness[50] = -1.0, 2.0  # the point itself is best, its neighbour worst
    after = tell(strategy, state, fitness)
    assert strategy.summary(after)["current_place"] == 49 / 50
    fitness[49], fitness[50] = 1.5, -2.0
    assert strategy.summary(tell(strategy, state, fitness))["current_place"] == 0.0


def test_the_evaluation_of_the_point_itself_is_lost() -> None:
    strategy = EvolutionPublished()
    state = begin(strategy)
    fitness = fitness_of(strategy.ask(state, np.random.default_rng(1)).points)
    updated = []
    for own in (-1e9, 1e9, np.nan):
        fitness[50] = own
        updated.append(tell(strategy, state, fitness))
    for other in updated[1:]:
        np.testing.assert_array_equal(other.center, updated[0].center)
        np.testing.assert_array_equal(other.best, updated[0].best)


def test_the_best_candidate_of_the_last_generation_is_recommended() -> None:
    strategy = EvolutionPublished()
    state = begin(strategy)
    np.testing.assert_array_equal(strategy.recommend(state), START)
    points = strategy.ask(state, np.random.default_rng(1)).points
    fitness = np.zeros(51)
    fitness[7] = 1e9
    after = tell(strategy, state, fitness)
    np.testing.assert_array_equal(strategy.recommend(after), points[7])
    fitness[[7, 3]] = 0.0, 1.0  # less than the best of the generation before, but newer
    points = strategy.ask(after, np.random.default_rng(1)).points
    np.testing.assert_array_equal(strategy.recommend(tell(strategy, after, fitness)), points[3])


def test_nothing_but_the_point_itself_moves_nothing() -> None:
    strategy = EvolutionPublished(n_pairs=2)
    state = begin(strategy)
    after = tell(strategy, state, np.array([np.nan] * 4 + [1.0]))
    np.testing.assert_array_equal(after.center, state.center)
    np.testing.assert_array_equal(after.best, state.best)
    assert after.generation == 1
