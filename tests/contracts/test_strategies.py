"""What every strategy of the table must do."""

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.child_processes import printed
from support.statistical_asserts import assert_better

from spikeloop.coordinator.check.promises import CannotCheck
from spikeloop.coordinator.check.reordered import n_groups, reorder
from spikeloop.coordinator.check.strategies import STRATEGY_PROMISES, StrategyCase
from spikeloop.coordinator.comparison.tunable_space import defaults, settings_of
from spikeloop.coordinator.strategies import STRATEGIES, Evaluation, Strategy
from spikeloop.coordinator.strategies.base import (
    from_arrays,
    n_candidates,
    to_arrays,
    wants_gradient,
)
from spikeloop.coordinator.strategies.population import Explicit, MirroredGaussian
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Population
from spikeloop.workers.parameter_types import Choice, Integer, Real, Weights
from spikeloop.workers.seeding import Purpose, stream
from spikeloop.workers.space import ParameterSpace

SPACE = ParameterSpace.of(
    {
        "low": Real(0.0, 1.0, 0.3),
        "high": Real("low", 1.0, 0.8),
        "rate": Real(1e-4, 1.0, 0.01, scale="log"),
        "weight_u6": Integer(0, 63, 35),
        "rule": Choice(("a", "b", "c"), "b"),
        "readout": Weights((2, 3), 0.5),
    }
)


@pytest.fixture(params=STRATEGIES)
def strategy(request: pytest.FixtureRequest) -> Strategy[Any]:
    return STRATEGIES[request.param]()


def case_of(strategy: Strategy[Any], space: ParameterSpace = SPACE) -> StrategyCase:
    return StrategyCase(strategy, space)


def begin(strategy: Strategy[Any], space: ParameterSpace = SPACE) -> Any:
    return case_of(strategy, space).begin()


def generation(strategy: Strategy[Any], state: Any, g: int) -> tuple[Population, Evaluation]:
    case = case_of(strategy)
    population = case.ask(state, g)
    return population, case.evaluate(population)


def advance(strategy: Strategy[Any], state: Any, start: int, stop: int) -> Any:
    return case_of(strategy).advance(state, start, stop)


def assert_same(first: Any, second: Any, rtol: float = 0.0) -> None:
    """States are equal, to the bit unless rounding is allowed for."""
    one, two = to_arrays(first), to_arrays(second)
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_allclose(one[name], two[name], rtol=rtol, atol=rtol, err_msg=name)


@pytest.mark.parametrize("promise", STRATEGY_PROMISES)
def test_every_strategy_keeps_every_promise(strategy: Strategy[Any], promise: str) -> None:
    try:
        assert list(STRATEGY_PROMISES[promise](case_of(strategy))) == []
    except CannotCheck as reason:
        pytest.skip(str(reason))


DETERMINISTIC = {"bptt", "evolution_published", "grid", "on_chip"}
EXHAUSTIVE = pytest.mark.exhaustive
OF_MANY = [kind for kind, cls in STRATEGIES.items() if not wants_gradient(cls())]
"""Strategies that learn from differences between candidates; gradients need a single one."""


def test_table_names_each_strategy_by_its_kind() -> None:
    for kind, settings in STRATEGIES.items():
        strategy = settings()
        assert strategy.kind == kind
        written = json.loads(json.dumps(strategy.model_dump(mode="json")))
        assert written["kind"] == kind
        assert settings(**written) == strategy


def test_a_strategy_without_the_method_is_asked_for_its_number_of_candidates() -> None:
    class Old:
        ask = staticmethod(lambda state, rng: Explicit(np.zeros((3, 1))))

    old: Any = Old()
    assert n_candidates(old, None) == 3


def test_a_search_begins_at_the_default_point_unless_told_otherwise(
    strategy: Strategy[Any],
) -> None:
    state = strategy.init(SPACE, stream(5, Purpose.INIT))
    given = strategy.init(SPACE, stream(5, Purpose.INIT), SPACE.default_point())
    for one, other in zip(to_arrays(state).values(), to_arrays(given).values(), strict=True):
        np.testing.assert_array_equal(one, other)
    atol = 0.5**16 if strategy.kind == "on_chip" else 0.0  # its coordinates have 16 bits
    np.testing.assert_allclose(strategy.recommend(state), SPACE.default_point(), atol=atol)


def test_values_of_populations_are_in_bounds(strategy: Strategy[Any]) -> None:
    state = begin(strategy)
    for g in range(5):
        recommended = strategy.recommend(state)
        pop, _ = generation(strategy, state, g)
        values = SPACE.decode(np.concatenate([pop.rows(), recommended[None]]))
        assert ((values["low"] >= 0) & (values["low"] <= values["high"])).all()
        assert (values["high"] <= 1).all()
        assert ((values["rate"] >= 1e-4) & (values["rate"] <= 1)).all()
        assert np.isin(values["weight_u6"], np.arange(64)).all()
        assert np.isin(values["rule"], [0, 1, 2]).all()
        state = advance(strategy, state, g, g + 1)


def test_read_only_states_and_fitness_are_enough(strategy: Strategy[Any]) -> None:
    state = advance(strategy, begin(strategy), 0, 3)
    for field in fields(state):
        if isinstance(array := getattr(state, field.name), np.ndarray):
            array.flags.writeable = False
    pop, evaluation = generation(strategy, state, 3)
    evaluation.fitness.flags.writeable = False
    strategy.tell(state, pop, evaluation, stream(5, Purpose.TELL, 3))


def test_another_generator_asks_for_other_points(strategy: Strategy[Any]) -> None:
    state = advance(strategy, begin(strategy), 0, 3)
    one, other = (strategy.ask(state, stream(seed, Purpose.ASK, 3)) for seed in (5, 6))
    same = np.array_equal(one.rows(), other.rows())
    assert same == (strategy.kind in DETERMINISTIC)


@pytest.mark.parametrize("kind", OF_MANY)
def test_fitness_of_other_candidates_leads_elsewhere(kind: str) -> None:
    """The negative control of the order that does not matter: fitness stays behind."""
    strategy = STRATEGIES[kind]()
    state = advance(strategy, begin(strategy), 0, 2)
    pop, evaluation = generation(strategy, state, 2)
    order = list(reversed(range(n_groups(pop))))  # never the order that it was, even of two
    feedback = strategy.tell(state, pop, evaluation, stream(5, Purpose.TELL, 2))
    mismatched, _ = reorder(pop, evaluation.fitness, order)
    wrong = strategy.tell(state, mismatched, evaluation, stream(5, Purpose.TELL, 2))
    with pytest.raises(AssertionError):
        assert_same(feedback, wrong, rtol=1e-5)


@pytest.mark.parametrize("kind", OF_MANY)
def test_the_best_candidate_carries_weight(kind: str) -> None:
    """The negative control of failed candidates that carry none."""
    strategy = STRATEGIES[kind]()
    state = begin(strategy)
    pop, evaluation = generation(strategy, state, 0)
    whole = strategy.tell(state, pop, evaluation, stream(5, Purpose.TELL, 0))
    best = int(np.argmax(evaluation.fitness))
    fitness = np.where(np.arange(pop.n_candidates) == best, np.nan, evaluation.fitness)
    feedback = strategy.tell(state, pop, Evaluation(fitness), stream(5, Purpose.TELL, 0))
    assert np.isfinite(strategy.recommend(feedback)).all()
    with pytest.raises(AssertionError):
        assert_same(feedback, whole, rtol=1e-5)


def test_half_pairs_alone_move_nothing(strategy: Strategy[Any]) -> None:
    """They would move the centre along their noise, whether that is good or bad."""
    state = begin(strategy)
    pop, evaluation = generation(strategy, state, 0)
    if not isinstance(pop, MirroredGaussian):
        pytest.skip("has no pairs")
    half = np.where(np.arange(pop.n_candidates) % 2, np.nan, evaluation.fitness)
    feedback = strategy.tell(state, pop, Evaluation(half), stream(5, Purpose.TELL, 0))
    np.testing.assert_array_equal(feedback.center, state.center)
    assert feedback.generation == 1


SMALL_SPACES = {"grid", "cross_entropy_published"}
"""Strategies that refuse a space of many dimensions."""


@pytest.mark.parametrize("kind", sorted(STRATEGIES.keys() - SMALL_SPACES))
def test_a_hundred_thousand_weights_cost_no_square_array(kind: str) -> None:
    """It would have 80 GB."""
    cls: Any = STRATEGIES[kind]
    space = ParameterSpace.of(
        {
            "w": Weights((100_000,), 1.0),
        }
    )
    few = {"population_size": 12, "n_pairs": 6}
    strategy = cls(**{name: n for name, n in few.items() if name in cls.model_fields})
    case = case_of(strategy, space)
    state = case.advance(case.begin(), 0, 2)
    assert max(array.size for array in to_arrays(state).values()) <= 12 * 100_000
    assert np.isfinite(strategy.recommend(state)).all()


@pytest.mark.parametrize("kind", sorted(set(OF_MANY) - {"cma_es", "on_chip"}))
def test_the_first_generation_holds_the_start_or_is_mirrored_about_it(kind: str) -> None:
    strategy, start = STRATEGIES[kind](), SPACE.default_point() + 0.01
    population = strategy.ask(
        strategy.init(SPACE, stream(5, Purpose.INIT), start), stream(5, Purpose.ASK)
    )
    points = population.rows()
    if isinstance(population, MirroredGaussian):
        np.testing.assert_allclose(population.center, start)
    else:
        assert np.isclose(points, start).all(axis=1).any()


@pytest.mark.parametrize("kind", OF_MANY)
def test_another_strategys_population_is_refused_where_rows_have_a_meaning(kind: str) -> None:
    strategy = STRATEGIES[kind]()
    state = begin(strategy)
    own = strategy.ask(state, stream(5, Purpose.ASK))
    foreign: Population = Explicit(np.zeros((4, SPACE.n_dim)))
    if isinstance(own, Explicit):
        foreign = MirroredGaussian(np.zeros(SPACE.n_dim), 0.1, seed=0, n_pairs=2)
    if isinstance(own, MirroredGaussian) or (isinstance(own, Explicit) and own.slots is not None):
        with pytest.raises(TypeError, match=f"{kind} needs its own population"):
            strategy.tell(state, foreign, Evaluation(np.ones(4)), stream(5, Purpose.TELL))


@pytest.mark.parametrize(
    ("kind", "settings", "offender"),
    [
        ("annealing", {"temperature_first": 0.1, "temperature_last": 0.2}, "temperature_last"),
        ("bptt", {"schedule": "cosine"}, "decay_generations must be at least 1"),
        ("bptt", {"schedule": "exponential", "decay_generations": 5, "final_share": 0.0}, "share"),
        ("evolution_published", {"n_pairs": 0}, "n_pairs"),
        ("genetic", {"population_size": 8}, "n_elites must be below population_size .* got 8"),
        ("parallel_tempering", {"temperature_hot": 1e-4}, "temperature_hot"),
        *(
            (kind, {"population_size": 0}, "population_size")
            for kind in OF_MANY
            if kind != "evolution_published"
        ),
    ],
)
def test_settings_without_a_meaning_are_refused(
    kind: str, settings: dict[str, Any], offender: str
) -> None:
    cls: Any = STRATEGIES[kind]
    with pytest.raises(ValueError, match=offender):
        cls.model_validate(settings)


def save(path: Path, state: Any) -> None:
    arrays: dict[str, Any] = to_arrays(state)
    np.savez(path, **arrays)


def load(path: Path, strategy: Strategy[Any]) -> Any:
    with np.load(path, allow_pickle=False) as file:
        return from_arrays(strategy.State, dict(file))


CONTINUE = """
import sys
from pathlib import Path
from test_strategies import STRATEGIES, advance, load, save
for kind, cls in STRATEGIES.items():
    path = Path(sys.argv[1], f"{kind}.npz")
    save(path, advance(cls(), load(path, cls()), 3, 6))
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with states after six generations, the last three of them in another process."""
    folder = tmp_path_factory.mktemp("elsewhere")
    for kind, cls in STRATEGIES.items():
        save(folder / f"{kind}.npz", advance(cls(), begin(cls()), 0, 3))
    printed(CONTINUE, str(folder), cwd=Path(__file__).parent, PYTHONHASHSEED="1")
    return folder


def test_saved_state_continues_identically_in_another_process(
    strategy: Strategy[Any], elsewhere: Path
) -> None:
    there = load(elsewhere / f"{strategy.kind}.npz", strategy)
    assert_same(there, advance(strategy, begin(strategy), 0, 6))


def named_values(space: ParameterSpace, n: int) -> Iterator[dict[str, Any]]:
    """Settings drawn from a space, choices as the text of their option."""
    decoded = space.decode(space.sample(n, stream(5, Purpose.INIT)))
    for row in decoded.values:
        yield {
            parameter.name: parameter.options[int(value)]
            if isinstance(parameter, Choice)
            else int(value)
            if isinstance(parameter, Integer)
            else float(value)
            for parameter, value in zip(space.parameters, row, strict=True)
        }


def test_all_values_that_may_be_tuned_give_valid_settings(strategy: Strategy[Any]) -> None:
    """Every point of the space that a comparison tunes, and its default is the default."""
    cls: Any = type(strategy)
    for values in named_values(cls.tunable, 50):
        settings = cls.model_validate(settings_of(values))
        state = settings.init(SPACE, stream(5, Purpose.INIT))
        assert settings.ask(state, stream(5, Purpose.ASK)).n_candidates >= 1
    assert cls.model_validate(settings_of(defaults(cls.tunable))) == strategy


def test_state_with_other_fields_is_refused(strategy: Strategy[Any]) -> None:
    arrays = to_arrays(begin(strategy))
    arrays["surprise"] = np.zeros(3)
    with pytest.raises(ValueError, match="surprise"):
        from_arrays(strategy.State, arrays)


BOX = ParameterSpace(tuple(Real(0.0, 1.0, 0.5, name=f"x{i}") for i in range(7)))


def reached(strategy: Strategy[Any], seed: int, n_generations: int) -> float:
    """Noise-free height of the recommended point on a random bump in the box, 0 to 1.

    Each coordinate has its own width, so that some matter little; the noise of fitness is 6 %.
    """
    rng = np.random.default_rng(seed)
    top, width = rng.uniform(0, 1, 7), rng.uniform(0.3, 1.0, 7)

    def height(points: FloatArray) -> FloatArray:
        z = (BOX.decode(points).values - top) / width
        return np.asarray(np.exp(-0.5 * (z**2).sum(axis=1)))

    def slope(points: FloatArray) -> FloatArray:  # inside the box
        return -height(points)[:, None] * (points - top) / width**2

    state = strategy.init(BOX, rng)
    for _ in range(n_generations):
        pop = strategy.ask(state, rng)
        points = pop.rows()
        fitness = height(points) + 0.06 * rng.standard_normal(pop.n_candidates)
        gradient = slope(points) if wants_gradient(strategy) else None
        state = strategy.tell(state, pop, Evaluation(fitness, gradient), rng)
    return float(height(strategy.recommend(state)[None])[0])


SEEDS = range(20)
NOT_BETTER_THAN_RANDOM = {
    "annealing_published",  # its faults: steps of 0.03 and less, and it climbs on noise
    "cross_entropy_published",  # its fault: noise keeps half of the coordinates on the bounds
    "random_search",
    "grid",  # two or three values in each of seven dimensions
}
"""Strategies that are not expected to, each with its reason."""


def test_the_start_is_improved_upon(strategy: Strategy[Any]) -> None:
    after = [reached(strategy, seed, 30) for seed in SEEDS]
    before = [reached(strategy, seed, 0) for seed in SEEDS]
    assert_better(after, before, alpha=0.01)


@pytest.mark.parametrize(
    "kind",
    [
        kind if kind in ("annealing", "evolution") else pytest.param(kind, marks=EXHAUSTIVE)
        for kind in sorted(STRATEGIES.keys() - NOT_BETTER_THAN_RANDOM)
    ],
)
def test_random_search_is_beaten_at_equal_budget(kind: str) -> None:
    """With defaults, which ask for 48 candidates each, or for one and its gradient.

    The baseline itself must not pass.
    """
    ours = [reached(STRATEGIES[kind](), seed, 30) for seed in SEEDS]
    baseline = [reached(STRATEGIES["random_search"](), seed, 30) for seed in SEEDS]
    assert_better(ours, baseline, alpha=0.001)
    with pytest.raises(AssertionError):
        assert_better(baseline, ours, alpha=0.001)
