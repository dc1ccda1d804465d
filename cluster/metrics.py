"""The metrics of a run: one table of what there is, and the values that are to be published.

``ray_backend/ray_metrics.py`` publishes them through Ray.
"""

import math
import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from spikeloop.workers.base import Learner
from spikeloop.workers.job import Job, Outcome

PREFIX = "spikeloop_"


@dataclass(frozen=True)
class Metric:
    """One row of the table.

    Attributes:
        unit: of its values; "" for counts and scores.
        tag: a label beside ``run``, if it has several series.
    """

    kind: Literal["gauge", "counter"]
    unit: str
    description: str
    tag: str = ""


METRICS: Mapping[str, Metric] = {
    # of the generation that was committed last
    "generation": Metric("gauge", "", "generation that was committed last"),
    "generations_planned": Metric("gauge", "", "generations at most"),
    "fitness_best": Metric("gauge", "", "fitness of the generation's best candidate"),
    "fitness_mean": Metric("gauge", "", "mean fitness of the generation's candidates"),
    "held_out_score": Metric("gauge", "", "score on held-out tasks: 0 random, 1 optimal policy"),
    "held_out_low": Metric("gauge", "", "lower end of its 95 % interval"),
    "held_out_high": Metric("gauge", "", "upper end of its 95 % interval"),
    "strategy": Metric("gauge", "", "what the strategy tells of itself, sigma for one", tag="name"),
    "failed_share": Metric("gauge", "", "share of the generation's episodes that failed"),
    "generation_seconds": Metric("gauge", "s", "time of the generation, from asking to telling"),
    "generation_work_seconds": Metric(
        "gauge", "s", "time that workers spent on episodes, summed over them"
    ),
    "generation_overhead_seconds": Metric("gauge", "s", "generation time less work per worker"),
    "commit_seconds": Metric("gauge", "s", "time that writing the generation took"),
    "last_commit_timestamp_seconds": Metric(
        "gauge", "s", "unix time of the last commit or of the search's start; none after its end"
    ),
    # of the pool
    "jobs_in_flight": Metric("gauge", "", "jobs, or parts of them, that workers hold"),
    "jobs_waiting": Metric("gauge", "", "jobs, or parts of them, that no worker holds yet"),
    "workers": Metric("gauge", "", "cores of the workers that are ready"),
    "coordinator_resident_memory_bytes": Metric("gauge", "B", "memory of the coordinator"),
    "episodes": Metric("counter", "", "episodes that came back, failed and held-out ones included"),
    "failed_episodes": Metric("counter", "", "episodes that failed for good", tag="reason"),
    "retries": Metric(
        "counter", "", "starts of episodes beyond their first, second copies included"
    ),
    "workers_replaced": Metric("counter", "", "workers that were lost or killed, and replaced"),
    "work_seconds": Metric("counter", "s", "time that workers spent on episodes, summed over them"),
    "simulated_steps": Metric("counter", "", "interactions of learners with their tasks"),
    "simulated_seconds": Metric(
        "counter", "s", "chip time or biological time simulated, where the learner has one"
    ),
}

Measure = float | Mapping[str, float] | None
"""A value, or one for each value of the metric's tag; None for no value any more."""


def exported(name: str) -> str:
    """Return a metric's name in Prometheus."""
    return f"ray_{PREFIX}{name}" + ("_total" if METRICS[name].kind == "counter" else "")


class Metrics:
    """The values of a run's metrics."""

    def __init__(self, run: str = "") -> None:
        self._run = run or "unnamed"
        self._gauges: dict[tuple[str, str], Mapping[str, float]] = {}
        self._counts: dict[tuple[str, str], float] = defaultdict(float)
        self._lock = threading.Lock()
        self._n_replaced = 0

    def publish(self, measures: Mapping[str, Measure], run: str = "") -> None:
        """Set gauges, of another run if one is named; what is not mentioned stays as it is."""
        for name, value in measures.items():
            values = value if isinstance(value, Mapping) else {"": value}
            finite = {k: float(v) for k, v in values.items() if v is not None and math.isfinite(v)}
            with self._lock:
                if finite:
                    self._gauges[run or self._run, name] = finite
                else:
                    self._gauges.pop((run or self._run, name), None)

    def gauges(self) -> Mapping[tuple[str, str], Mapping[str, float]]:
        """Return the gauges by run and name, each by the values of its tag."""
        with self._lock:
            return dict(self._gauges)

    def take_counts(self) -> Mapping[tuple[str, str], float]:
        """Return what was counted since the last call, by metric and tag."""
        with self._lock:
            counts, self._counts = self._counts, defaultdict(float)
        return counts

    def tags(self, name: str, tag: str, run: str = "") -> dict[str, str]:
        """Return the labels of a metric's series, by default of the run that owns the pool."""
        key = METRICS[name].tag
        return {"run": run or self._run, **({key: tag} if key else {})}

    def count(self, job: Job, outcome: Outcome) -> None:
        """Count what came back of a job."""
        result, n_episodes = outcome.result, job.tile.n_episodes
        simulated_s = result.n_simulated_steps * _interaction_s(job.grid.learner)
        with self._lock:
            for failure in result.failures:
                self._counts["failed_episodes", failure.status.words] += 1
            self._counts["episodes", ""] += n_episodes
            self._counts["retries", ""] += int(outcome.attempts.sum()) - n_episodes
            self._counts["work_seconds", ""] += result.wall_s
            self._counts["simulated_steps", ""] += result.n_simulated_steps
            self._counts["simulated_seconds", ""] += simulated_s

    def set_load(self, in_flight: int, waiting: int, workers: int, n_replaced: int) -> None:
        """Set what the pool is doing now."""
        self.publish({"jobs_in_flight": in_flight, "jobs_waiting": waiting, "workers": workers})
        with self._lock:
            self._counts["workers_replaced", ""] += n_replaced - self._n_replaced
        self._n_replaced = n_replaced


def _interaction_s(learner: Learner) -> float:
    """Return the seconds of an interaction; 0 where the learner says nothing usable of it."""
    try:
        value = float(getattr(learner, "interaction_s", 0.0))
    except Exception:  # a property of the user's own may do anything
        return 0.0
    return value if math.isfinite(value) else 0.0
