"""Estimate what the default, random and learned Θ earn on tasks that the search has never seen."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.search import baselines
from spikeloop.coordinator.search.baselines import Baseline
from spikeloop.coordinator.search.transfer_design import THETAS
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.coordinator.stats.regret import mean_regret
from spikeloop.coordinator.stats.scores import (
    Bootstrap,
    Sample,
    frame_gain_and_span,
    impossible_score,
)
from spikeloop.tasks.base import Interface
from spikeloop.workers.seeding import Purpose, TaskSet, stream

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Transfer:
    """Scores of several points on the same held-out tasks, with 95 % intervals.

    Attributes:
        episodes: the rows of the table ``transfer`` that they follow from.
        scores: of each element of ``THETAS``.
        differences: planned comparisons, learned minus default and learned minus random, paired by
            task.
        regret: of each Θ, how much less than the optimal policy it earned, on average.
        baselines: further policies on the same tasks, where the family knows some.
    """

    episodes: pd.DataFrame
    scores: Mapping[str, Interval]
    differences: Mapping[str, Interval]
    regret: Mapping[str, Interval]
    baselines: Mapping[str, Baseline] = field(default_factory=dict)

    @property
    def n_tasks(self) -> int:
        """The number of held-out tasks."""
        return int(self.episodes["task"].nunique())

    def estimates_json(self) -> dict[str, Any]:
        """Give scores, differences and regret as plain values, None for nan."""
        groups = {
            "scores": self.scores,
            "differences": self.differences,
            "regret": self.regret,
        }
        return {
            group: {name: estimate_json(estimate) for name, estimate in estimates.items()}
            for group, estimates in groups.items()
        }

    def as_json(self) -> dict[str, Any]:
        """Give all estimates, baselines included, as plain values, None for nan."""
        baselines = {
            name: {
                **estimate_json(baseline.score),
                "mean_return": baseline.mean_return,
                "regret": estimate_json(baseline.regret),
                "learned_minus": estimate_json(baseline.learned_minus),
            }
            for name, baseline in self.baselines.items()
        }
        return {
            **self.estimates_json(),
            "baselines": baselines,
            "n_failed": int((self.episodes["status"] != "ok").sum()),
        }


def warn_of_scores(config: RunConfig, transfer: Transfer) -> None:
    """Warn of scores that say more about the references of the family than about the learner."""
    for line in score_warnings(transfer, config.held_out_family.interface):
        logger.warning("%s", line)


def score_warnings(transfer: Transfer, interface: Interface) -> list[str]:
    """Give a line for each Θ that scores wholly above 1, and one if many tasks have no scale."""
    lines = [
        impossible_score(f"the score of the {theta} Θ on held-out tasks", score, interface)
        for theta, score in transfer.scores.items()
    ]
    lines.append(tasks_without_scale(transfer.episodes))
    return [line for line in lines if line]


MANY_WITHOUT_SCALE = 0.1
"""Share of the tasks from which on it is said that they have no scale. A family may draw a task
now and then in which all policies earn the same; more often it is a fault of the family."""


def tasks_without_scale(episodes: pd.DataFrame) -> str:
    """Say in one line that the optimal policy earns no more than the random one in many tasks.

    The line is empty where these are fewer than ``MANY_WITHOUT_SCALE``.
    """
    references = episodes.drop_duplicates("task")
    n_equal = int((references["optimal"] <= references["random"]).sum())
    if n_equal < MANY_WITHOUT_SCALE * len(references):
        return ""
    return (
        f"in {n_equal} of {len(references)} held-out tasks the optimal reference is not above the "
        "random one, so these tasks carry no weight in scores: is the family drawn as it is meant?"
    )


def estimate_json(estimate: Interval) -> dict[str, Any]:
    """Give an estimate as plain values, None for nan."""
    numbers = {k: v for k, v in estimate.as_json().items() if k != "n"}
    return {**numbers, "n_tasks": estimate.n, "n_points": estimate.n_points}


def with_baselines(config: RunConfig, episodes: pd.DataFrame) -> Transfer:
    """Score rows of the table ``transfer`` and add the baselines.

    Raises:
        ConfigError: a baseline is not one finite return a task.
        OtherTasks: the episodes were run on other tasks than those that the family draws now.
    """
    scored = transfer_scores(episodes, config.run.seed)
    return replace(scored, baselines=baselines.measure(config, episodes))


def transfer_scores(episodes: pd.DataFrame, run_seed: int) -> Transfer:
    """Score rows of the table ``transfer``, all of one transfer seed.

    The resampling depends on the seeds alone.
    """
    seed, n_tasks = int(episodes["transfer_seed"].iloc[0]), episodes["task"].nunique()
    gain, span = frame_gain_and_span(episodes)
    counts = (episodes["status"] == "ok").to_numpy(dtype=np.float64)
    missed = np.where(counts > 0, episodes["optimal"] - episodes["return"], 0.0)
    columns = {"gain": gain, "span": span, "missed": missed, "counts": counts}
    grids = episodes.assign(**columns).pivot(
        index=["theta", "point"], columns="task", values=list(columns)
    )
    theta = grids.index.get_level_values("theta")
    # (n_points, n_tasks) of each Θ, 0 for the tasks that a point did not meet. Row by row, because
    # the last bits of sums depend on the order in memory.
    of = {
        name: {
            column: np.ascontiguousarray(grids[column][theta == name].fillna(0.0))
            for column in columns
        }
        for name in THETAS
    }
    samples = {name: Sample(own["gain"], own["span"]) for name, own in of.items()}

    def bootstrap() -> Bootstrap:
        return Bootstrap.over(n_tasks, stream(run_seed, Purpose.BOOTSTRAP, TaskSet.TRANSFER, seed))

    of_scores, of_regret = bootstrap(), bootstrap()  # so that neither moves the other's numbers
    return Transfer(
        episodes,
        scores={name: of_scores.estimate(sample) for name, sample in samples.items()},
        differences={
            f"learned - {name}": of_scores.difference(samples["learned"], samples[name])
            for name in ("default", "random")
        },
        regret={
            name: mean_regret(own["missed"], own["counts"] > 0, of_regret)
            for name, own in of.items()
        },
    )
