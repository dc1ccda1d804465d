"""Transfer to held-out tasks: the design of the grid, and the scores of its episodes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.small_run import small_config

from spikeloop.coordinator.api.held_out_session import held_out_settings
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.search.transfer import transfer_scores
from spikeloop.coordinator.search.transfer_design import transfer_jobs
from spikeloop.coordinator.stats.regret import mean_regret
from spikeloop.coordinator.stats.scores import Bootstrap
from spikeloop.workers.seeding import Purpose, TaskSet, stream


@pytest.mark.parametrize(
    ("tasks", "points", "each"), [(6, 3, 6), (6, 3, 40), (20, 7, 3), (10, 50, 4), (200, 50, 40)]
)
def test_every_task_is_met_by_every_kind_of_point(tasks: int, points: int, each: int) -> None:
    transfer = {"tasks": tasks, "random_points": points, "random_tasks": each}
    config = small_config(transfer=transfer)
    jobs = transfer_jobs(config, config.transfer, config.space.default_point())
    met = np.zeros((2 + points, tasks), dtype=int)
    for job in jobs:
        met[job.tile.c0 : job.tile.c1, job.tile.t0 : job.tile.t1] += 1
    assert met.max() == 1  # no episode twice
    assert met[:2].all()  # default and learned
    random = met[2:]
    assert (random.sum(axis=1) >= 1).all()
    assert (random.sum(axis=1) <= each).all()
    assert (random.sum(axis=0) >= 1).all()
    assert np.ptp(random.sum(axis=0)) <= 1


def test_points_that_cannot_meet_all_tasks_are_refused() -> None:
    transfer = {"tasks": 100, "random_points": 3, "random_tasks": 10}
    with pytest.raises(ConfigError, match="must be at least tasks"):
        small_config(transfer=transfer)


def test_more_tasks_than_a_run_planned_are_all_met() -> None:
    """Three random points meet at most 30 of 100 tasks as the run has it, so each meets 34."""
    config = small_config(transfer={"tasks": 30, "random_points": 3, "random_tasks": 10})
    more = held_out_settings(config, 100, 7, Path("small"))
    assert (more.tasks, more.random_points, more.random_tasks, more.seed) == (100, 3, 34, 7)
    assert held_out_settings(config, 20, None, Path("small")).random_tasks == 10


def test_learned_point_and_random_points_do_not_depend_on_the_number_of_tasks() -> None:
    few, many = (
        transfer_jobs(config, config.transfer, config.space.default_point())[0].grid
        for config in (small_config(transfer={"tasks": n}) for n in (6, 12))
    )
    np.testing.assert_array_equal(few.population.rows(0, 5), many.population.rows(0, 5))


def test_scores_are_those_of_the_episodes_that_were_run_and_succeeded() -> None:
    """Four tasks; each of eight random points meets half of them, and one episode failed."""
    met = [("default", 0, range(4)), ("learned", 0, range(4))]
    met += [("random", point, range(point % 2 * 2, point % 2 * 2 + 2)) for point in range(8)]
    rows = [
        {"theta": theta, "point": point, "task": task, "random": 1.0, "optimal": 3.0 + task}
        for theta, point, tasks in met
        for task in tasks
    ]
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rows).assign(transfer_seed=3, status="ok")
    frame["return"] = rng.uniform(1.0, 3.0, len(frame))
    frame.loc[[5, 9], "status"] = "raised"  # of the learned and of a random Θ, both on task 1
    frame.loc[[5, 9], "return"] = np.nan
    found = transfer_scores(frame.sample(frac=1, random_state=1), run_seed=7)
    ok = frame[frame["status"] == "ok"]
    gain, span = ok["return"] - ok["random"], ok["optimal"] - ok["random"]
    sums = pd.DataFrame({"gain": gain, "span": span}).groupby(ok["theta"]).sum()
    regret = (ok["optimal"] - ok["return"]).groupby(ok["theta"]).mean()
    scores = sums["gain"] / sums["span"]
    assert list(found.scores) == ["default", "random", "learned"]
    for theta, estimate in found.scores.items():
        assert estimate.value == pytest.approx(scores[theta])
        assert found.regret[theta].value == pytest.approx(regret[theta])
    assert (found.scores["random"].n, found.scores["random"].n_points) == (4, 8)
    common = ok["theta"].eq("default") & ok["task"].ne(1)  # the tasks on which both succeeded
    paired = scores["learned"] - gain[common].sum() / span[common].sum()
    assert found.differences["learned - default"].value == pytest.approx(paired)
    assert found.as_json()["n_failed"] == 2
    # Regrets are resampled by a generator that begins anew, whatever the scores have drawn.
    bootstrap = Bootstrap.over(4, stream(7, Purpose.BOOTSTRAP, TaskSet.TRANSFER, 3))
    counted = frame.assign(ok=frame["status"] == "ok", missed=frame["optimal"] - frame["return"])
    for theta, estimate in found.regret.items():
        own = counted[counted["theta"] == theta].pivot(index="point", columns="task")
        missed, counts = map(np.ascontiguousarray, (own["missed"], own["ok"].eq(True)))
        assert estimate == mean_regret(missed, counts, bootstrap)
