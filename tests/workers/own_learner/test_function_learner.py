"""A function as a learner: its settings, its space, what it may return, and what it sees."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from episode_learners import DeltaRule, delta_rule
from support.learner_cases import case, default_episodes

from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.errors import ConfigError
from spikeloop.tasks.bandit import Bandit
from spikeloop.tasks.base import FloatArray, Interface
from spikeloop.tasks.quadratic import Quadratic
from spikeloop.workers.base import Episodes
from spikeloop.workers.evaluate import evaluate
from spikeloop.workers.job import Grid, Job, Status, Tile
from spikeloop.workers.learning_curve import bin_lengths
from spikeloop.workers.own_learner.episode import Episode, Result
from spikeloop.workers.own_learner.function_learner import FunctionLearner, learner
from spikeloop.workers.own_learner.task import Task
from spikeloop.workers.own_learner.theta import Theta
from spikeloop.workers.parameter_types import Choice, Integer, Real, Weights
from spikeloop.workers.seeding import TaskSet
from spikeloop.workers.space import ParameterSpace

N_STEPS = 47
FAMILY = Bandit(n_steps=N_STEPS)
SPACE = {"tau": Real(1, 100, unit="ms", scale="log")}
Rng = np.random.Generator


def made(function: Callable[..., Result]) -> FunctionLearner:
    return learner(space=SPACE)(function)()


def run(function: Callable[..., Result], family: Any = FAMILY) -> Episodes:
    return default_episodes(made(function), family, 2)


def first_action(theta: Theta, task: Task, rng: Rng) -> None:
    for _ in task:
        task.step(0)


def test_function_and_step_learner_of_one_rule_give_the_same_bits() -> None:
    one, other = case("delta_rule").run_episodes(), case("DeltaRule").run_episodes()
    np.testing.assert_array_equal(one.returns, other.returns)
    np.testing.assert_array_equal(one.curve, other.curve)


def test_keyword_parameters_are_settings_that_tables_set_and_check() -> None:
    tables = {
        "run": {},
        "family": {"kind": "bandit"},
        "learner": {"kind": "episode_learners:delta_rule", "prior": 0.25},
        "strategy": {"kind": "evolution"},
    }
    config = parse(tables, "here", None)
    assert config.learner == delta_rule(prior=0.25)
    assert config.tables()["learner"] == tables["learner"]
    tables["learner"] = {"kind": "episode_learners:delta_rule", "prior": "high"}
    with pytest.raises(ConfigError, match=r"here: \[learner\] prior"):
        parse(tables, "here", None)
    tables["learner"] = {"kind": "episode_learners:DeltaRule", "prior": 0.5}
    assert parse(tables, "here", None).learner == DeltaRule(prior=0.5)


def test_a_setting_may_be_a_tuple_or_without_a_value() -> None:
    @learner(space=SPACE)
    def layered(
        theta: Theta, task: Task, rng: Rng, *, sizes: tuple[int, ...] = (3, 2), limit: Any = None
    ) -> float:
        return 0.0

    def untyped(theta, task, rng, *, sizes=(3, 2), limit=None):  # type: ignore[no-untyped-def]
        return 0.0

    for made in (layered, learner(space=SPACE)(untyped)):
        given = made(sizes=(5, 4), limit=3)
        assert made.model_validate(given.model_dump(mode="json")) == given
        assert made.model_validate({"limit": "none"}).model_dump()["sizes"] == (3, 2)


def test_a_function_of_interface_and_settings_gives_the_space() -> None:
    @learner(space=lambda interface, n: {"w": Weights((n, interface.n_actions), 1.0)})
    def sized(theta: Theta, task: Task, rng: Rng, *, n: int = 3) -> float:
        return float(theta.w.size)

    assert sized(n=5).space(FAMILY.interface).n_dim == 5 * FAMILY.interface.n_actions
    assert default_episodes(sized(), FAMILY, 1).returns == 3 * FAMILY.interface.n_actions


def test_a_learner_needs_theta_task_and_rng_and_settings_with_defaults() -> None:
    def two(theta: Theta, task: Task) -> None: ...
    def four(theta: Theta, task: Task, rng: Rng, more: int) -> None: ...
    def without(theta: Theta, task: Task, rng: Rng, *, more: int) -> None: ...
    def taken(theta: Theta, task: Task, rng: Rng, *, space: int = 1) -> None: ...

    for function in (two, four):
        with pytest.raises(TypeError, match="must take theta, task and rng"):
            made(function)
    with pytest.raises(TypeError, match="without: setting more must have a default"):
        made(without)
    with pytest.raises(TypeError, match="cannot be called space"):
        made(taken)


def test_returning_nothing_is_the_sum_of_the_rewards() -> None:
    nothing, total = (
        run(first_action),
        run(lambda theta, task, rng: sum(task.step(0) for _ in task)),
    )
    np.testing.assert_array_equal(nothing.returns, total.returns)
    np.testing.assert_allclose(nothing.curve, total.curve, rtol=1e-12)
    assert nothing.n_simulated_steps == 2 * N_STEPS


def test_what_a_returned_number_adds_to_the_rewards_is_spread_over_the_curve() -> None:
    def costly(theta: Theta, task: Task, rng: Rng) -> float:
        return sum(task.step(0) for _ in task) - 4.7

    free, paid = run(first_action), run(costly)
    np.testing.assert_allclose(paid.returns, free.returns - 4.7)
    np.testing.assert_allclose(paid.curve, free.curve - 4.7 / N_STEPS)
    alone = run(lambda theta, task, rng: 94.0)
    np.testing.assert_allclose(alone.curve, 2.0)
    assert alone.n_simulated_steps == 2 * N_STEPS


def test_an_episode_may_bring_its_own_rewards() -> None:
    rewards: FloatArray = np.arange(N_STEPS, dtype=np.float64)
    episodes = run(lambda theta, task, rng: Episode(float(rewards.sum()), rewards))
    lengths = bin_lengths(N_STEPS)
    np.testing.assert_allclose(episodes.curve @ lengths, rewards.sum())
    np.testing.assert_allclose(episodes.curve[0, 0, -1], rewards[-lengths[-1] :].mean())


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (None, "after 0 of 47 steps"),
        ("many", "must return a number"),
        (np.zeros(2), "must return a number"),
        (Episode(1.0, np.zeros(3)), "each of 47 steps"),
    ],
)
def test_what_is_no_return_is_refused(result: Any, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        run(lambda theta, task, rng: result)


def test_theta_has_physical_values_by_attribute_and_by_name() -> None:
    space = ParameterSpace.of(
        {
            "tau": Real(0, 100, unit="ms"),
            "n": Integer(0, 9, 4),
            "rule": Choice(("hebb", "anti"), "anti"),
            "w": Weights((2, 3), 0.5, seed=1),
            "optimizer.rate": Real(0, 1, 0.25),
        }
    )
    parameters = space.decode(np.tile(space.default_point(), (2, 1)))
    theta = Theta(parameters, 1)
    assert (theta.tau, theta.n, theta.rule) == (50.0, 4, "anti")
    assert (type(theta.tau), type(theta.n)) == (float, int)
    assert theta["optimizer.rate"] == 0.25
    assert list(theta) == ["tau", "n", "rule", "w", "optimizer.rate"]
    theta.w[:] = 0  # a copy: what an episode does to it reaches no other
    assert parameters["w"].any()
    assert "tau=50 ms, n=4, rule='anti'" in repr(theta)
    with pytest.raises(AttributeError, match="no hyperparameter 'taw'; there are tau, n"):
        _ = theta.taw
    with pytest.raises(KeyError, match="taw"):
        _ = theta["taw"]


def test_the_task_does_not_depend_on_what_the_learner_draws() -> None:
    def thirsty(theta: Theta, task: Task, rng: Rng) -> None:
        for _ in task:
            rng.random(1000)
            task.step(0)

    np.testing.assert_array_equal(run(thirsty).curve, run(first_action).curve)


def test_the_generator_is_the_episodes_own() -> None:
    one = default_episodes(made(lambda theta, task, rng: rng.random()), FAMILY, 4)
    assert np.unique(one.returns).size == 4
    again = default_episodes(made(lambda theta, task, rng: rng.random()), FAMILY, 4)
    np.testing.assert_array_equal(one.returns, again.returns)


def test_a_task_refuses_actions_that_do_not_exist_and_steps_after_the_end() -> None:
    for wrong in (FAMILY.interface.n_actions, -1, 0.5, [0, 1], None):
        with pytest.raises(ValueError, match="action must be an index"):
            run(lambda theta, task, rng, *, action=wrong: task.step(action))
    with pytest.raises(ValueError, match="action must be a vector of 1 numbers"):
        run(lambda theta, task, rng: task.step([1.0, 2.0]), Quadratic(n_steps=3))
    with pytest.raises(ValueError, match="the episode is over"):
        run(lambda theta, task, rng: [task.step(0) for _ in range(N_STEPS + 1)])  # type: ignore
    with pytest.raises(RuntimeError, match=r"must call task\.step once, got 0 calls"):
        run(lambda theta, task, rng: [None for _ in task])  # type: ignore


def test_targets_and_vectors_of_observations_reach_the_learner() -> None:
    seen: list[Any] = []

    def answers(theta: Theta, task: Task, rng: Rng) -> None:
        for inputs in task:
            seen.append((inputs, task.step(0.5)))

    family = Quadratic(n_steps=5)
    default_episodes(made(answers), family, 1)
    batch = family.sample(1, np.random.default_rng(0))
    np.testing.assert_array_equal([inputs for inputs, _ in seen], batch.inputs[0])
    np.testing.assert_array_equal([target for _, target in seen], batch.targets()[0])


def test_only_the_episode_that_raises_fails_and_says_why() -> None:
    def brittle(theta: Theta, task: Task, rng: Rng) -> float:
        if rng.random() < 0.5:
            raise ArithmeticError("membrane exploded")
        return 1.0

    from spikeloop.coordinator.strategies.population import Explicit

    population = Explicit(np.full((2, 1), 0.5))
    grid = Grid(FAMILY, made(brittle), population, 6, 1, TaskSet.SEARCH, 1, common_noise=False)
    result = evaluate(Job(grid, Tile(0, 2, 0, 6)))
    failed = result.status == Status.RAISED
    assert 0 < failed.sum() < 12
    assert {failure.message for failure in result.failures} == {
        "ArithmeticError: membrane exploded"
    }
    assert (result.returns[~failed] == 1.0).all()


def test_interface_of_the_family_is_the_tasks() -> None:
    found: list[Interface] = []
    run(lambda theta, task, rng: found.append(task.interface) or 0.0)  # type: ignore[func-returns-value]
    assert found == [FAMILY.interface] * 2
