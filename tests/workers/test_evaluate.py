"""``evaluate``: a tile is run as part of its grid, and a broken episode stays alone."""

import re
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from failing_learner import Echo, Fault
from gradient_learner import Slope
from hypothesis import given
from hypothesis import strategies as st

from spikeloop.coordinator.strategies.population import Explicit, MirroredGaussian
from spikeloop.tasks.base import FloatArray, SeedArray, TaskBatch
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.tabular import TabularTasks
from spikeloop.workers.base import Differentiable, Episodes, Learner
from spikeloop.workers.evaluate import assemble, evaluate, failed, mean_gradient
from spikeloop.workers.job import Grid, Job, JobResult, Population, Status, Tile, cut
from spikeloop.workers.seeding import TaskSet
from spikeloop.workers.space import Parameters


class Telling(Echo):
    """Returns tell parameters, task and seed of an episode apart."""

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        assert isinstance(tasks, TabularTasks)
        episodes = super().run_episodes(parameters, tasks, seeds)
        told = 10 * tasks.reward.sum(axis=(1, 2, 3)) + (seeds >> np.uint64(11)) / 2.0**53
        curve = episodes.curve + told[..., None]
        return replace(episodes, returns=episodes.returns + told, curve=curve)


POINTS = np.array([[0.1, 0.5], [0.95, 0.5], [0.3, 0.5], [0.4, 0.5]])  # the second breaks


def grid(learner: Learner, population: Population | None = None, common_noise: bool = True) -> Grid:
    return Grid(
        family=RandomMdp(n_states=2, n_actions=2, n_steps=5),
        learner=learner,
        population=population or Explicit(POINTS),
        n_tasks=3,
        run_seed=1,
        task_set=TaskSet.SEARCH,
        index=4,
        common_noise=common_noise,
    )


def whole(a_grid: Grid) -> JobResult:
    return evaluate(Job(a_grid, Tile(0, a_grid.n_candidates, 0, a_grid.n_tasks)))


@pytest.mark.parametrize("common_noise", [True, False])
@given(n_candidates=st.integers(1, 5), n_tasks=st.integers(1, 4))
def test_the_cut_into_tiles_changes_no_number(
    common_noise: bool, n_candidates: int, n_tasks: int
) -> None:
    a_grid = grid(Telling(), common_noise=common_noise)
    one = whole(a_grid)
    parts = [evaluate(job) for job in cut(a_grid, n_candidates, n_tasks, "test")]
    many = assemble(one.tile, parts[::-1])
    np.testing.assert_array_equal(many.returns, one.returns)
    np.testing.assert_array_equal(many.curve, one.curve)
    np.testing.assert_array_equal(many.status, one.status)
    assert many.n_simulated_steps == one.n_simulated_steps == 120
    assert many.failures == one.failures == ()


def test_seeded_populations_are_built_where_they_are_run() -> None:
    mirrored = MirroredGaussian(np.array([0.5, 0.5]), sigma=0.1, seed=3, n_pairs=2)
    explicit = Explicit(mirrored.rows(0, 4))
    np.testing.assert_array_equal(
        whole(grid(Telling(), mirrored)).returns, whole(grid(Telling(), explicit)).returns
    )


def test_common_noise_shares_the_seed_of_a_task_among_candidates() -> None:
    same = np.full((4, 2), 0.2)
    shared = whole(grid(Telling(), Explicit(same))).returns
    own = whole(grid(Telling(), Explicit(same), common_noise=False)).returns
    assert np.unique(shared, axis=0).shape[0] == 1
    assert np.unique(shared[0]).size == 3
    assert np.unique(own).size == 12


@pytest.mark.parametrize(
    ("fault", "status", "message"),
    [
        ("raise", Status.RAISED, "ArithmeticError: this episode is to raise"),
        ("sys_exit", Status.RAISED, "SystemExit: this episode is to leave"),
        ("nan", Status.NOT_FINITE, "not finite"),
        ("infinite", Status.NOT_FINITE, "not finite"),
    ],
)
def test_a_broken_episode_fails_alone(fault: Fault, status: Status, message: str) -> None:
    healthy = whole(grid(Telling()))
    result = whole(grid(Telling(fault=fault)))
    broken = np.array([False, True, False, False])
    np.testing.assert_array_equal(result.returns[~broken], healthy.returns[~broken])
    np.testing.assert_array_equal(result.curve[~broken], healthy.curve[~broken])
    assert np.isnan(result.returns[broken]).all()
    assert np.isnan(result.curve[broken]).all()
    np.testing.assert_array_equal(result.status[~broken], Status.OK)
    np.testing.assert_array_equal(result.status[broken], status)
    assert [failure.tile for failure in result.failures] == [
        Tile(1, 2, task, task + 1) for task in range(3)
    ]
    for failure in result.failures:
        assert failure.status == status
        assert message in failure.message
        assert "\n" not in failure.message
        assert ("Traceback" in failure.traceback) == (status == Status.RAISED)


@pytest.mark.parametrize(
    ("returns", "curve"),
    [
        ((2, 3), (4, 3, 8)),
        ((4,), (4, 3, 8)),
        ((4, 3), (4, 2, 8)),
        ((4, 3), (4,)),
        ((4, 3), (4, 3)),
    ],
)
def test_arrays_of_a_wrong_shape_are_named(
    returns: tuple[int, ...], curve: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = Episodes(np.zeros(returns), np.zeros(curve), n_simulated_steps=0)
    monkeypatch.setattr(Telling, "run_episodes", lambda *arguments: given)
    result = whole(grid(Telling()))
    assert (result.status == Status.RAISED).all()
    for failure in result.failures:
        assert "echo.run_episodes must give returns (1, 1)" in failure.message
        assert f"got {returns} and {curve}" in failure.message


# Gradients


def steep(fault: Literal["none", "raise", "nan", "shape", "missing"] = "none") -> Grid:
    """Slope's grid of gradients; with a fault, candidates 1 and 2 of its four break."""
    points = np.array([[-0.3, 0, 1], [0.6, 1, 2], [0.1, 0, 0], [-0.5, 0, 0]])
    asked = grid(Slope(fault=fault, n=3), Explicit(points))
    return replace(asked, gradient=True, progress=0.25)


def gradients(parts: list[JobResult]) -> list[tuple[Tile, FloatArray]]:
    return [(part.tile, part.gradient) for part in parts if part.gradient is not None]


def test_gradients_come_only_where_they_are_asked_for() -> None:
    asked = steep()
    assert isinstance(asked.learner, Differentiable)
    assert not isinstance(Telling(), Differentiable)
    with_, without = whole(asked), whole(replace(asked, gradient=False))
    assert without.gradient is None
    np.testing.assert_array_equal(with_.returns, without.returns)
    assert with_.gradient is not None
    at_start = whole(replace(asked, progress=0.0)).gradient
    assert at_start is not None
    weights = 2.0 * asked.population.rows(0, 4)  # Slope's scale is 2
    slope = -2 * 2.0 * (weights - [-1.0, 0.0, 1.0]) / 3
    np.testing.assert_allclose(with_.gradient - at_start, 0.25 * slope)


@given(n_candidates=st.integers(1, 5), n_tasks=st.integers(1, 4))
def test_gradients_of_tiles_are_averaged_by_their_tasks(n_candidates: int, n_tasks: int) -> None:
    one = whole(steep())
    parts = [evaluate(job) for job in cut(steep(), n_candidates, n_tasks, "test")]
    many = mean_gradient(one.tile, gradients(parts[::-1]))
    assert one.gradient is not None
    assert many is not None
    np.testing.assert_allclose(many, one.gradient, rtol=1e-12)


def test_a_tile_of_gradients_that_raises_is_not_cut() -> None:
    """The gradient of a tile is not the mean of its episodes', of which none is asked for."""
    result = whole(steep("raise"))
    assert [failure.tile for failure in result.failures] == list(Tile(0, 4, 0, 3).episodes())
    assert {(f.status, f.message) for f in result.failures} == {
        (Status.RAISED, "ArithmeticError: too steep")
    }
    assert (result.status == Status.RAISED).all()
    assert np.isnan(result.returns).all()
    assert result.gradient is None
    assert result.n_simulated_steps == 0


def test_a_tile_without_gradient_carries_no_weight_and_one_that_is_not_finite_shows() -> None:
    one, two, three = (evaluate(job) for job in cut(steep(), 4, 1, "test"))
    area = Tile(0, 4, 0, 3)
    raised = mean_gradient(area, gradients([one, failed(two.tile, Status.RAISED, "gone"), three]))
    assert raised is not None
    expected = (one.gradient + three.gradient) / 2  # type: ignore[operator]
    np.testing.assert_allclose(raised, expected, rtol=1e-12)
    broken = evaluate(cut(steep("nan"), 4, 1, "test")[1])
    spoilt = mean_gradient(area, gradients([one, broken, three]))
    assert spoilt is not None
    finite = np.ones((4, 3), dtype=bool)
    finite[1:3, 2] = False
    np.testing.assert_array_equal(np.isfinite(spoilt), finite)
    assert (broken.status == Status.OK).all()


@pytest.mark.parametrize(("fault", "got"), [("shape", r"\(4, 2\)"), ("missing", "None")])
def test_gradients_of_a_wrong_shape_are_named(fault: Literal["shape"], got: str) -> None:
    for failure in whole(steep(fault)).failures:
        expected = rf"slope.differentiate must give gradients \(4, 3\), got {got}$"
        assert re.search(expected, failure.message)


def test_a_learner_without_gradients_is_named() -> None:
    result = whole(replace(grid(Telling()), gradient=True))
    assert "echo gives no gradients" in result.failures[0].message
