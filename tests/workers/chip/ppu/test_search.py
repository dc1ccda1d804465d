"""Ask and tell on the processor: every bit of the reference, whatever the fitness."""

from typing import Any

import numpy as np
import pytest
from support.on_chip_reference import algorithms as reference

from spikeloop.workers.chip.ppu.coordinates import coordinates_of, points_of, unwritable
from spikeloop.workers.chip.ppu.search import after, candidates
from spikeloop.workers.chip.ppu.search_memory import (
    ALGORITHMS,
    MAX_FITNESS,
    Algorithm,
    SearchMemory,
    max_step,
)
from spikeloop.workers.chip.ppu.search_settings import SearchSettings
from spikeloop.workers.parameter_types import Integer, Real, Weights
from spikeloop.workers.space import ParameterSpace

SETTINGS = {
    "evolution": SearchSettings(population_size=12, halve_every=9),
    "one_plus_one": SearchSettings(algorithm="one_plus_one"),
    "spsa": SearchSettings(algorithm="spsa", halve_every=9),
    "annealing": SearchSettings(algorithm="annealing", temperature=400, halve_every=9),
}


def reference_of(settings: SearchSettings) -> reference.Constants:
    return reference.Constants(
        settings.algorithm,
        settings.candidates // 2,
        settings.sigma_word,
        settings.rate,
        settings.halve_every,
        shift=7,
    )


def fitness_of(found: Any, rng: np.random.Generator) -> list[int]:
    """Rises towards the middle of each coordinate, with noise and ties; up to the largest."""
    height = 1e5 * (1 - ((np.array(found) / 65536 - 0.5) ** 2).mean(axis=1) * 4)
    noisy = height + 2e4 * rng.standard_normal(len(found))
    return np.clip((noisy // 1000 * 1000).astype(int), 0, MAX_FITNESS - 1).tolist()  # type: ignore[no-any-return]


def assert_same_search(settings: SearchSettings, seed: int, n_generations: int, n_dim: int) -> None:
    """Candidates and all that is kept, after each generation."""
    rng = np.random.default_rng(seed)
    run = int(rng.integers(1 << 32))
    x = rng.integers(0, 65536, n_dim)
    constants, memory = settings.constants(), settings.memory(x)
    ours = reference_of(settings)
    state = reference.first_state(ours, x.tolist())
    for g in range(n_generations):
        expected = reference.ask(ours, run, state)
        assert candidates(constants, run, g, memory).tolist() == expected
        fitness = fitness_of(expected, rng)
        state = reference.tell(ours, run, state, fitness)
        memory = after(constants, run, g, memory, np.array(fitness))
        assert [array.tolist() for array in memory] == [
            list(state.x),
            list(state.m),
            [state.sigma, state.alpha],
        ]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_bit_of_a_search_is_the_references(algorithm: Algorithm) -> None:
    for seed in range(2):
        assert_same_search(SETTINGS[algorithm], seed, 25, 7)


@pytest.mark.exhaustive
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_bit_of_long_searches_is_the_references(algorithm: Algorithm) -> None:
    for seed in range(20):
        assert_same_search(SETTINGS[algorithm], seed, 50, (7, 51)[seed % 2])


def test_the_largest_population_stays_within_words() -> None:
    """The reference refuses what leaves 32 bits; all pairs agree, which is the largest momentum."""
    settings = SearchSettings(population_size=64, sigma=0.28, learning_rate=1.6)
    assert settings.rate <= max_step(64) < 3400
    ours = reference_of(settings)
    state = reference.first_state(ours, [0, 65535])
    for _ in range(30):
        found = np.array(reference.ask(ours, 1, state))
        fitness = np.argsort(np.argsort(found[:, 0] - found[:, 1], kind="stable"))
        state = reference.tell(ours, 1, state, fitness.tolist())


@pytest.mark.parametrize(
    "settings",
    [
        {"population_size": 64, "learning_rate": 100.0},
        {"algorithm": "spsa", "gain": 1.0},
        {"algorithm": "spsa", "gain": 1e-9},
        {"population_size": 7},
        {"population_size": 66},
        {"sigma": 0.29},
    ],
)
def test_settings_beyond_a_word_are_refused(settings: dict[str, Any]) -> None:
    key = "gain" if "gain" in settings else list(settings)[-1]
    with pytest.raises(ValueError, match=key):
        SearchSettings.model_validate(settings)


@pytest.mark.parametrize("fitness", [[-1, 0], [MAX_FITNESS, 0]])
def test_fitness_beyond_its_word_is_refused(fitness: list[int]) -> None:
    settings = SETTINGS["annealing"]
    memory = settings.memory(np.array([1, 2]))
    with pytest.raises(ValueError, match="fitness must be in"):
        after(settings.constants(), 1, 0, memory, np.array(fitness))


def test_the_memory_that_is_given_stays_as_it_is() -> None:
    settings = SETTINGS["evolution"]
    memory = settings.memory(np.array([1, 60_000]))
    before = [array.tolist() for array in memory]
    after(settings.constants(), 1, 0, memory, np.arange(12))
    assert [array.tolist() for array in memory] == before


def learned(algorithm: Algorithm, seed: int) -> float:
    """Distance of what a search of 960 candidates deploys from the top of a hill without noise."""
    settings = SETTINGS[algorithm].model_copy(update={"halve_every": 0})
    memory: SearchMemory = settings.memory(np.full(7, 8000))
    for g in range(960 // settings.candidates):
        found = candidates(settings.constants(), seed, g, memory)
        height = 1e4 * (1 - ((found / 65536 - 0.5) ** 2).mean(axis=1) * 4)
        memory = after(settings.constants(), seed, g, memory, height.astype(np.int64))
    return float(np.abs(memory.x_u16 / 65536 - 0.5).max())


@pytest.mark.parametrize("algorithm", ["evolution", "one_plus_one"])
def test_a_search_finds_a_hill(algorithm: Algorithm) -> None:
    """From 0.38 away in every coordinate to within 0.15, for ten seeds."""
    assert max(learned(algorithm, seed) for seed in range(10)) < 0.15


SPACE = ParameterSpace.of(
    {"a": Real(0.0, 2.0), "w": Weights((3,), 1.0), "b": Real("a", 2.0, 1.5), "c": Real(1.0, 5.0)}
)


def test_points_and_coordinates_are_inverse() -> None:
    x = np.random.default_rng(0).integers(0, 65536, (200, 6))
    again = coordinates_of(points_of(x, SPACE.bounded()), SPACE.bounded())
    assert np.array_equal(again[:, [0, 4, 5]], x[:, [0, 4, 5]])
    assert np.abs(again - x)[:, 1:4].max() <= 1  # a weight has half as many values
    assert points_of(np.array([32768] * 6), SPACE.bounded())[1] == 0.0


def test_what_the_processor_cannot_compute_is_named() -> None:
    assert unwritable(SPACE) == ""
    for parameter in (Real(0.1, 1.0, scale="log"), Weights((2,), 0.5), Integer(0, 3, 1)):
        assert unwritable(ParameterSpace.of({"a": Real(0.0, 1.0), "this": parameter})) == "this"
