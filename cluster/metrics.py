"""What a run tells Prometheus: one table of metrics, published through Ray.

Ray exports each metric as ``ray_spikeloop_<name>`` with the label ``run``, and counters with
``_total`` behind, on the metrics port of the node where the coordinator runs.

Ray exports a gauge once for each time it is set, and forgets it 20 s later. So a thread sets all of
them every few seconds, whatever the coordinator is busy with; and the gauges of a run that has
ended are gone by themselves. Counters start at 0 in each process.

Nothing here can change or end a run: if publishing fails, that is logged once, and it ends.
"""

import logging
import math
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from spikeloop.workers.base import Learner
from spikeloop.workers.job import Job, Outcome

PREFIX = "spikeloop_"

REFRESH_S = 2.5
"""How often all gauges are set; Ray exports every 10 s, and misses what was not set in between."""


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
    """A metric's name in Prometheus."""
    return f"ray_{PREFIX}{name}" + ("_total" if METRICS[name].kind == "counter" else "")


class Metrics:
    """What is to be published of a run; nothing is, before ``publishing``.

    Args:
        run: what the work is called.
    """

    def __init__(self, run: str = "") -> None:
        self._run = run or "unnamed"
        self._gauges: dict[str, Mapping[str, float]] = {}
        self._counts: dict[tuple[str, str], float] = defaultdict(float)
        self._lock = threading.Lock()
        self._n_replaced = 0

    def publish(self, measures: Mapping[str, Measure]) -> None:
        """Sets gauges; those that are not mentioned stay as they are."""
        for name, value in measures.items():
            values = value if isinstance(value, Mapping) else {"": value}
            finite = {k: float(v) for k, v in values.items() if v is not None and math.isfinite(v)}
            with self._lock:
                self._gauges[name] = finite

    def now(self) -> Mapping[str, Mapping[str, float]]:
        """The gauges, by the values of their tag."""
        with self._lock:
            return dict(self._gauges)

    def counted(self) -> Mapping[tuple[str, str], float]:
        """What was counted and is not published yet, by metric and tag."""
        with self._lock:
            return dict(self._counts)

    def episodes_done(self, job: Job, outcome: Outcome) -> None:
        """Counts what came back of a job."""
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

    def busy(self, in_flight: int, waiting: int, workers: int, n_replaced: int) -> None:
        """Sets what the pool is doing now."""
        self.publish({"jobs_in_flight": in_flight, "jobs_waiting": waiting, "workers": workers})
        with self._lock:
            self._counts["workers_replaced", ""] += n_replaced - self._n_replaced
        self._n_replaced = n_replaced

    @contextmanager
    def publishing(self) -> Iterator["Metrics"]:
        """Publishes through the Ray cluster that this process is connected to."""
        ended = threading.Event()
        thread = threading.Thread(target=self._keep, args=(ended,), name="metrics", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            ended.set()
            thread.join(timeout=REFRESH_S)

    def _keep(self, ended: threading.Event) -> None:
        try:
            instruments = _instruments()
            while not ended.wait(REFRESH_S):
                self._tell(instruments)
            self._tell(instruments)
        except Exception as error:  # whatever it is, the run matters more
            logging.getLogger(__name__).warning("metrics are no longer published: %s", error)

    def _tell(self, instruments: Mapping[str, Any]) -> None:
        """Hands everything to Ray, which sends it."""
        import psutil

        self.publish({"coordinator_resident_memory_bytes": psutil.Process().memory_info().rss})
        with self._lock:
            counts, self._counts = self._counts, defaultdict(float)
        for name, values in self.now().items():
            for tag, value in values.items():
                instruments[name].set(value, self._tags(name, tag))
        for (name, tag), amount in counts.items():
            if amount > 0:
                instruments[name].inc(amount, self._tags(name, tag))

    def _tags(self, name: str, tag: str) -> dict[str, str]:
        key = METRICS[name].tag
        return {"run": self._run, key: tag} if key else {"run": self._run}


def _interaction_s(learner: Learner) -> float:
    """Seconds of an interaction; 0 where there is no such time, or anything else by its name."""
    try:
        value = float(getattr(learner, "interaction_s", 0.0))
    except Exception:  # a property of the user's own may do anything
        return 0.0
    return value if math.isfinite(value) else 0.0


def _instruments() -> dict[str, Any]:
    """Ray's object for each metric."""
    from ray.util import metrics as ray_metrics

    kinds = {"gauge": ray_metrics.Gauge, "counter": ray_metrics.Counter}
    return {
        name: kinds[metric.kind](
            PREFIX + name,
            description=metric.description,
            tag_keys=("run", metric.tag) if metric.tag else ("run",),
        )
        for name, metric in METRICS.items()
    }
