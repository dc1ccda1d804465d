"""Score further policies that a family knows, to compare a learned Θ with, on its held-out tasks.

They are, for example, a well-known algorithm, or the best that any learner can do. Nothing of them
is stored, because they are functions of the configuration and the seeds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.search.evaluation import grid_of
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.coordinator.stats.regret import amount, mean_regret, plus_minus
from spikeloop.coordinator.stats.scores import (
    Bootstrap,
    Sample,
    frame_gain_and_span,
    gain_and_span,
)
from spikeloop.tasks.base import FloatArray, HasBaselines, References, TaskBatch
from spikeloop.workers.seeding import Purpose, TaskSet, stream


@dataclass(frozen=True)
class Baseline:
    """What a policy that was not learned by the outer loop earns on the held-out tasks.

    Attributes:
        score: over all tasks; its interval is about new tasks, resampled as for the scores of the
            transfer.
        mean_return: over all tasks.
        regret: mean over all tasks of the optimal minus the expected return.
        learned_minus: how much higher the learned Θ scores, paired by task.
    """

    score: Interval
    mean_return: float
    regret: Interval
    learned_minus: Interval

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """Score, interval, mean return and regret as text, for tables."""
        score = self.score
        interval = f"[{score.low:.3f}, {score.high:.3f}]"
        below = plus_minus(self.regret)
        return f"{score.value:.3f}", interval, amount(self.mean_return), below


class OtherTasks(Exception):
    """The family draws other tasks now than when the episodes were run."""


def measure(config: RunConfig, episodes: pd.DataFrame) -> dict[str, Baseline]:
    """Give the baselines on the held-out tasks of a transfer; none if the family knows none.

    The episodes are rows of the table ``transfer``, all of one transfer seed.

    Raises:
        ConfigError: the family does not give one finite return for each task.
        OtherTasks: the references are not those of the tasks that the family draws.
    """
    seed = int(episodes["transfer_seed"].iloc[0])
    tasks, references = _held_out(config, episodes)
    if not isinstance(tasks, HasBaselines):
        return {}
    _refuse_others(tasks.references(), references)
    returns = tasks.baselines(stream(config.run.seed, Purpose.BASELINES, TaskSet.TRANSFER, seed))
    _check(returns, f"[family] {config.held_out_family.kind}", tasks.n_tasks)
    rng = stream(config.run.seed, Purpose.BOOTSTRAP, TaskSet.TRANSFER, seed)
    bootstrap = Bootstrap.over(tasks.n_tasks, rng)  # the transfer's own weights of the tasks
    everywhere = np.ones((1, tasks.n_tasks), dtype=np.bool_)
    learned = _learned(episodes)
    samples = {
        name: Sample(*gain_and_span(earned[None, :], references, everywhere))
        for name, earned in returns.items()
    }
    return {
        name: Baseline(
            bootstrap.estimate(samples[name]),
            float(np.mean(earned)),
            mean_regret((references.optimal - earned)[None, :], everywhere, bootstrap),
            bootstrap.difference(learned, samples[name]),
        )
        for name, earned in returns.items()
    }


def check_tasks(config: RunConfig, episodes: pd.DataFrame) -> None:
    """Raise OtherTasks if the references of a transfer's held-out tasks are not today's."""
    tasks, references = _held_out(config, episodes)
    _refuse_others(tasks.references(), references)


def _held_out(config: RunConfig, episodes: pd.DataFrame) -> tuple[TaskBatch, References]:
    """Draw the tasks of a transfer; give them and the references that its rows hold."""
    rows = episodes.drop_duplicates("task").sort_values("task")
    point, seed = config.space.default_point(), int(rows["transfer_seed"].iloc[0])
    grid = grid_of(config, point, len(rows), TaskSet.TRANSFER, seed)
    return grid.tasks(), References(rows["random"].to_numpy(), rows["optimal"].to_numpy())


def _learned(episodes: pd.DataFrame) -> Sample:
    """Return the episodes of the learned Θ, one on each task."""
    rows = episodes[episodes["theta"] == "learned"].sort_values("task")
    gain, span = frame_gain_and_span(rows)
    return Sample(gain[None, :], span[None, :])


def _refuse_others(now: References, then: References) -> None:
    """Raise OtherTasks if references differ by more than the rounding of another machine."""
    for name in ("random", "optimal"):
        if not np.allclose(getattr(now, name), getattr(then, name), rtol=1e-6, atol=1e-9):
            raise OtherTasks("the family draws other tasks now than when the episodes were run")


def _check(returns: Mapping[str, FloatArray], where: str, n_tasks: int) -> None:
    for name, earned in returns.items():
        if np.shape(earned) != (n_tasks,) or not np.isfinite(earned).all():
            raise ConfigError(
                f"{where}: baselines must give a finite return for each of {n_tasks} tasks; "
                "those of "
                f"{name!r} have the shape {np.shape(earned)} or are not finite"
            )
