"""What each Θ of a run scores on held-out tasks, as values and tables for Python."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from spikeloop.coordinator.api.html import fragment
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.report.page import Table
from spikeloop.coordinator.report.transfer_table import COLUMNS, theta_counts, theta_rows
from spikeloop.coordinator.search.transfer import Transfer
from spikeloop.coordinator.stats.bootstrap import Interval


@dataclass(frozen=True, repr=False)
class Score:
    """A score with its 95 % interval, shown as ``0.931 [0.921, 0.940], n = 200 tasks``.

    0 is what the random policy earns and 1 what the optimal one does; ``float(score)`` is the value
    alone.

    Attributes:
        value: the ratio of sums Σ(return − random) / Σ(optimal − random); nan if every episode
            failed.
        low: lower end of the interval, which speaks about new tasks.
        high: upper end of it.
        n_tasks: held-out tasks that it rests on.
        n_points: points Θ that it rests on; several for "random".
    """

    value: float
    low: float
    high: float
    n_tasks: int
    n_points: int = 1

    @classmethod
    def of(cls, interval: Interval) -> "Score":
        """Take the numbers of an interval over tasks."""
        return cls(interval.value, interval.low, interval.high, interval.n, interval.n_points)

    def __float__(self) -> float:
        return self.value

    def __repr__(self) -> str:
        points = f", mean of {self.n_points} Θ" if self.n_points > 1 else ""
        interval = f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"
        return f"{interval}, n = {self.n_tasks} tasks{points}"


class HeldOut:
    """Scores of the default, random and learned Θ, and of known policies, on the same tasks."""

    def __init__(self, transfer: Transfer, scale: tuple[str, str]) -> None:
        self._transfer, self._scale = transfer, scale

    @property
    def episodes(self) -> pd.DataFrame:
        """One row an episode: which Θ, task, return, references, score, seed, status."""
        return self._transfer.episodes

    def score(self, of: str = "learned") -> Score:
        """Give the score of "learned", "default", "random" or a baseline of the family.

        Raises:
            ConfigError: there is nothing of this name; the message has those that there are.
        """
        known = self._intervals()
        if of not in known:
            raise ConfigError(f"no Θ or baseline {of!r}; there are {', '.join(map(repr, known))}")
        return Score.of(known[of])

    @property
    def scores(self) -> pd.DataFrame:
        """One row for each Θ and baseline: score, mean return and regret, with 95 % intervals.

        Columns ``score``, ``low``, ``high``, ``n_tasks``, ``n_points``, ``mean_return``, ``regret``
        (optimal minus earned return), ``regret_low``, ``regret_high``, ``episodes``, ``failed``. A
        baseline has no episodes: its expected return is known.
        """
        found, rows = self._transfer, []
        for name, interval in self._intervals().items():
            own = found.baselines.get(name)
            mean, n, failed = (
                theta_counts(found, name) if own is None else (own.mean_return, None, None)
            )
            regret = found.regret[name] if own is None else own.regret
            rows.append(
                {
                    **vars(Score.of(interval)),
                    "mean_return": mean,
                    **{"regret": regret.value, "regret_low": regret.low},
                    **{"regret_high": regret.high, "episodes": n, "failed": failed},
                }
            )
        frame = _frame(list(self._intervals()), rows).rename(columns={"value": "score"})
        return frame.astype({"episodes": "Int64", "failed": "Int64"})

    @property
    def differences(self) -> pd.DataFrame:
        """How much higher the learned Θ scores than each other Θ and baseline, paired by task.

        One row each: ``difference``, ``low``, ``high`` of its 95 % interval, ``n_tasks``.
        """
        intervals = {
            **self._transfer.differences,
            **{f"learned - {k}": v.learned_minus for k, v in self._transfer.baselines.items()},
        }
        rows = [vars(Score.of(interval)) for interval in intervals.values()]
        frame = _frame(list(intervals), rows).rename(columns={"value": "difference"})
        return frame.drop(columns="n_points")

    def as_json(self) -> dict[str, Any]:
        """Give all estimates as ``spikeloop transfer --json`` prints them."""
        return self._transfer.as_json()

    def __repr__(self) -> str:
        return f"HeldOut(learned {self.score()})"

    def _repr_html_(self) -> str:
        return fragment([score_table(self._transfer, self._scale)])

    def _intervals(self) -> dict[str, Interval]:
        policies = {name: found.score for name, found in self._transfer.baselines.items()}
        return {**self._transfer.scores, **policies}


def score_table(transfer: Transfer, scale: tuple[str, str]) -> Table:
    """Lay out the score of each Θ and baseline; ``scale`` says what scores 0 and what scores 1."""
    policies = [(name, *own.cells, "", "") for name, own in transfer.baselines.items()]
    return Table(
        f"Score on {transfer.n_tasks} held-out tasks (0 {scale[0]}, 1 {scale[1]})",
        COLUMNS,
        [*theta_rows(transfer, " Θ"), *policies],
    )


def _frame(names: list[str], rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows, index=pd.Index(names, name="theta"))
