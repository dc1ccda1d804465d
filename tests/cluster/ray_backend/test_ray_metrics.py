"""The metrics of a real run equal its rows, and a run does not depend on them."""

import logging
import re
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from failing_learner import Echo
from support.monitoring_files import metric_names
from support.small_run import SilentReporter, small_config

from spikeloop.cluster.metrics import METRICS, Metrics, exported
from spikeloop.cluster.pool import WorkerPool
from spikeloop.cluster.ray_backend import ray_metrics
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.search.live_metrics import HELD_OUT
from spikeloop.coordinator.search.loop import search
from spikeloop.coordinator.search.reporter import GenerationReport
from spikeloop.coordinator.search.worker_pool import warm_up_job
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.workers.evaluate import evaluate
from spikeloop.workers.job import Grid, Outcome, cut
from spikeloop.workers.seeding import TaskSet

LIMIT_S = 120.0
Scrape = dict[str, dict[str, float]]


def scrape() -> tuple[Scrape, set[str]]:
    """Values of the run's metrics by name and own tag, and the names of all metrics of the node."""
    import ray

    (node,) = ray.nodes()
    address = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    with urllib.request.urlopen(address, timeout=30) as answer:
        lines = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
    found: Scrape = {}
    for line in lines:
        if line.startswith("ray_spikeloop_") and 'run="small"' in line:
            name, value = re.split(r"[{ ]", line)[0], line.rsplit(" ", 1)[1]
            tag = re.search(r'[{,](?:name|reason)="([^"]*)"', line)
            found.setdefault(name, {})[tag[1] if tag else ""] = float(value)
    return found, {re.split(r"[{ ]", line)[0] for line in lines}


def scrape_until(enough: Callable[[Scrape, set[str]], bool]) -> Scrape:
    """Scrapes again and again."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        found, names = scrape()
        if enough(found, names):
            return found
        assert time.monotonic() < deadline, f"only {sorted(found.items())}"
        time.sleep(0.1)


class Watching(SilentReporter):
    """Looks at the metrics port when the last generation has been committed."""

    seen: Scrape

    def generation(self, report: object) -> None:
        assert isinstance(report, GenerationReport)
        if report.generation == 3:
            self.seen = scrape_until(
                lambda found, _: (
                    found.get(exported("generation")) == {"": 3.0}
                    and found.get(exported("episodes")) == {"": 84.0}
                )
            )


@pytest.mark.ray
def test_the_metrics_of_a_run_are_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_metrics_report_interval_ms", "1000")  # instead of 10 s
    monkeypatch.setattr(ray_metrics, "REFRESH_S", 0.2)
    config = small_config(
        learner={"kind": "failing_learner:Echo", "work_s": 0.001},
        target={"kind": "local", "workers": 2, "dashboard": False},
    )
    store, watching = RunStore.create(tmp_path / "run", {"config": {}}), Watching()
    began = time.time()
    with config.target.open(
        [warm_up_job(config)], StopSignal(), config.working_dir, "small"
    ) as pool:
        search(RunFolder(config, store), pool, watching)
        check_against_rows(watching.seen, store, began)
        ended = exported("last_commit_timestamp_seconds")
        scrape_until(lambda found, _: ended not in found)
        run_failing_episodes(pool, config.family, tmp_path)
        every = {exported(name) for name in METRICS} - {ended}
        scrape_until(
            lambda found, names: found.keys() >= every and names | {ended} >= metric_names()
        )


def check_against_rows(seen: Scrape, store: RunStore, began: float) -> None:
    """All gauges of the last generation, to the bit, and what all of them add up to."""
    rows = store.rows()
    row: dict[str, Any] = rows[-1]
    columns = {
        "generation": 3,
        "generations_planned": 3,
        "fitness_best": row["best"],
        "fitness_mean": row["mean"],
        "failed_share": 0.0,
        "generation_seconds": row["wall_s"],
        "generation_work_seconds": row["work_s"],
        "generation_overhead_seconds": row["overhead_s"],
        "workers": 2,
        "jobs_in_flight": 0,
        "jobs_waiting": 0,
    }
    measured = [row for row in rows if row["held_out_score"] is not None]
    columns |= {name: measured[-1][name] for name in HELD_OUT}
    for name, value in columns.items():
        assert seen[exported(name)] == {"": value}, name
    own = {k.removeprefix("strategy_"): v for k, v in row.items() if k.startswith("strategy_")}
    assert seen[exported("strategy")] == own
    assert "sigma" in own
    n_episodes = (
        store.total_episodes() + 3 * 4
    )  # held-out episodes, before the first and after the last two
    assert seen[exported("episodes")] == {"": n_episodes}
    assert seen[exported("simulated_steps")] == {"": 10 * n_episodes}
    assert seen[exported("simulated_seconds")][""] == pytest.approx(0.02 * n_episodes)
    assert seen[exported("work_seconds")][""] >= 0.001 * n_episodes
    assert began < seen[exported("last_commit_timestamp_seconds")][""] < time.time()
    assert 0 < seen[exported("commit_seconds")][""] < time.time() - began
    assert seen[exported("coordinator_resident_memory_bytes")][""] > 50e6
    assert exported("failed_episodes") not in seen


def run_failing_episodes(pool: WorkerPool, family: Any, marks: Path) -> None:
    """An episode that raises, and one that kills its worker once."""
    points = Explicit(Echo().space(family.interface).default_point()[None])
    for learner in (
        Echo(fault="raise", broken_from=0.0),
        Echo(fault="exit", broken_from=0.0, once_in=str(marks)),
    ):
        (outcome,) = pool.run(cut(Grid(family, learner, points, 1, 1, TaskSet.SEARCH, 0), 1, 1, ""))
        assert outcome.result.failures or outcome.attempts.max() == 2


def test_a_run_goes_on_when_its_metrics_cannot_be_published(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> dict[str, Any]:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(ray_metrics, "_instruments", refuse)
    with caplog.at_level(logging.WARNING), ray_metrics.publishing(Metrics("small")) as published:
        published.publish({"generation": 1.0})
    assert [record.getMessage() for record in caplog.records] == [
        "metrics are no longer published: no such thing"
    ]


class Odd(Echo):
    """A learner that means something else by the name."""

    @property
    def interaction_s(self) -> float:
        raise RuntimeError("no time")


def test_a_learners_broken_interaction_time_counts_as_zero() -> None:
    points = Explicit(Echo().space(small_config().family.interface).default_point()[None])
    grid = Grid(small_config().family, Odd(), points, 2, 1, TaskSet.SEARCH, 0)
    (job,) = cut(grid, 1, 2, "")
    published = Metrics("small")
    published.count(job, Outcome(0, evaluate(job), np.ones((1, 2), dtype=np.int64)))
    counts = published.take_counts()
    assert (counts["simulated_seconds", ""], counts["episodes", ""]) == (0, 2)


def gauges_of(published: Metrics, run: str = "small") -> dict[str, Any]:
    return {name: values for (of, name), values in published.gauges().items() if of == run}


def test_values_that_are_not_finite_are_not_published() -> None:
    published = Metrics("small")
    published.publish({"fitness_mean": 0.5, "strategy": {"sigma": 1.0, "step_norm": float("nan")}})
    assert gauges_of(published) == {"fitness_mean": {"": 0.5}, "strategy": {"sigma": 1.0}}
    published.publish({"fitness_mean": None, "strategy": {"temperature": 2.0}})
    assert gauges_of(published) == {"strategy": {"temperature": 2.0}}


def test_gauges_of_several_runs_are_kept_apart() -> None:
    published = Metrics("sweep")
    published.publish({"workers": 2.0})
    published.publish({"generation": 1.0}, "one")
    published.publish({"generation": 5.0}, "other")
    assert gauges_of(published, "sweep") == {"workers": {"": 2.0}}
    assert gauges_of(published, "other") == {"generation": {"": 5.0}}
    assert published.tags("generation", "", "one") == {"run": "one"}
    published.publish({"generation": None}, "one")
    assert gauges_of(published, "one") == {}
