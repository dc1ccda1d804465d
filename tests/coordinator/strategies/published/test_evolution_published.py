"""The published evolution strategy: its update and each of its faults, exactly."""

from dataclasses import replace

import numpy as np
import pytest
from support.search_steps import BOX_AND_WEIGHTS, ask_points, begin, tell_fitness

from spikeloop.coordinator.strategies.published.evolution import EvolutionPublished, utilities
from spikeloop.tasks.base import FloatArray

TOP = np.array([0.7, 1.0, -1.0, 0.0])


def fitness_of(points: FloatArray) -> FloatArray:
    return np.asarray(-((points - TOP) ** 2).sum(axis=1))


def steps_of(state: EvolutionPublished.State) -> FloatArray:
    """(2 n_pairs, n_dim) e by slot."""
    return 0.1 * np.vstack([state.noise, -state.noise])


def test_utilities_are_those_of_wierstra() -> None:
    raw = [np.log(3) - np.log(1), np.log(3) - np.log(2), 0.0, 0.0]
    np.testing.assert_allclose(utilities(4), np.array(raw) / sum(raw) - 1 / 4, rtol=1e-14)
    assert utilities(50).sum() == pytest.approx(0.0, abs=1e-14)
    assert utilities(1).tolist() == [0.0]


def test_a_generation_has_fifty_candidates_and_the_point_itself() -> None:
    strategy = EvolutionPublished()
    state = begin(strategy)
    points = ask_points(strategy, state)
    assert len(points) == 51
    np.testing.assert_array_equal(points[50], BOX_AND_WEIGHTS.default_point())
    np.testing.assert_allclose(points[:50, 1:], steps_of(state)[:, 1:], rtol=1e-14)


def test_tell_takes_the_published_step() -> None:
    """α / (n σ²) Σ u e, one 1/n more than Wierstra's, with α decaying; 0.1 Σ u ε if n is 50."""
    for n_pairs in (3, 25):
        strategy = EvolutionPublished(n_pairs=n_pairs)
        state, n = begin(strategy), 2 * n_pairs
        for generation in range(3):
            ranked = np.argsort(-fitness_of(ask_points(strategy, state))[:n])
            weighted = sum(
                u * steps_of(state)[k] for u, k in zip(utilities(n), ranked, strict=True)
            )
            after = tell_fitness(strategy, state, fitness_of)
            expected = state.center + 0.5 * 0.95**generation / (n * 0.1**2) * weighted
            np.testing.assert_allclose(after.center, expected, rtol=1e-12)
            state = after


def test_clipped_candidates_are_credited_with_steps_that_they_did_not_take() -> None:
    """At a face half of the candidates are one and the same point, with different steps."""
    strategy = EvolutionPublished()
    state = begin(strategy, start=np.zeros(4))
    on_face = ask_points(strategy, state)[:50, 0] == 0.0
    assert on_face.sum() == 25
    # Fitness of the face: it grows with the part of a step that was clipped.
    fitness = np.where(on_face, 1.0 - steps_of(state)[:, 0], 0.0)
    after = tell_fitness(strategy, state, np.append(fitness, 0.0))
    assert after.center[0] < 0.0  # out of the box, where no candidate has ever been
    outside = ask_points(strategy, replace(state, center=np.array([-1.0, 0.0, 0.0, 0.0])))
    assert (outside[:, 0] == 0.0).all()


def test_the_fitness_of_the_point_itself_is_taken_from_its_neighbour() -> None:
    """Entry 49 of 0 … 50, the last mirrored candidate, passes for entry 50."""
    strategy = EvolutionPublished()
    state = begin(strategy)
    fitness = np.linspace(0.0, 0.98, 51)
    fitness[49], fitness[50] = -1.0, 2.0  # the point itself is best, its neighbour worst
    assert strategy.summary(tell_fitness(strategy, state, fitness))["current_place"] == 49 / 50
    fitness[49], fitness[50] = 1.5, -2.0
    assert strategy.summary(tell_fitness(strategy, state, fitness))["current_place"] == 0.0


def test_the_evaluation_of_the_point_itself_is_lost() -> None:
    strategy = EvolutionPublished()
    state = begin(strategy)
    fitness = fitness_of(ask_points(strategy, state))
    updated = [
        tell_fitness(strategy, state, np.append(fitness[:50], own)) for own in (-1e9, 1e9, np.nan)
    ]
    for other in updated[1:]:
        np.testing.assert_array_equal(other.center, updated[0].center)
        np.testing.assert_array_equal(other.best, updated[0].best)


def test_the_best_candidate_of_the_last_generation_is_recommended() -> None:
    strategy = EvolutionPublished()
    state = begin(strategy)
    np.testing.assert_array_equal(strategy.recommend(state), BOX_AND_WEIGHTS.default_point())
    for best, fitness in ((7, 1e9), (3, 1.0)):  # less than in the generation before, but newer
        points = ask_points(strategy, state)
        state = tell_fitness(strategy, state, fitness * (np.arange(51) == best))
        np.testing.assert_array_equal(strategy.recommend(state), points[best])


def test_nothing_but_the_point_itself_moves_nothing() -> None:
    strategy = EvolutionPublished(n_pairs=2)
    state = begin(strategy)
    after = tell_fitness(strategy, state, [np.nan] * 4 + [1.0])
    np.testing.assert_array_equal(after.center, state.center)
    np.testing.assert_array_equal(after.best, state.best)
    assert after.generation == 1
