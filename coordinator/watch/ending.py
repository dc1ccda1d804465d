"""How a finished run ends on the terminal: the transfer table, figures, what to do next.

The numbers are those that the run printed itself. Baselines are missing: they are computed by the
family's own code, which is not run here; the report has them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import printable
from spikeloop.coordinator.store.trust import again
from spikeloop.coordinator.watch.follow import Follower


class Ending:
    """The end of a finished run, computed once: resampling takes a second.

    Args:
        follower: of the run.
    """

    def __init__(self, follower: Follower) -> None:
        from spikeloop.coordinator.report.transfer_report import (
            transfer_regrets,
            transfer_scores,
        )

        self._folder, self._scale = follower.folder, follower.plan.scale
        episodes = follower.transfer_episodes().to_pandas()
        try:
            self._n_tasks = episodes["task"].nunique()
            self._scores, self._gains = transfer_scores(episodes, follower.plan.seed)
            self._below = transfer_regrets(episodes, follower.plan.seed)
            self._cells = {
                name: _cells(episodes[episodes["theta"] == name]) for name in self._scores
            }
        except (KeyError, ValueError, IndexError) as error:
            raise ConfigError(f"{follower.transfer()}: damaged: it holds something else") from error

    def show(self, columns: int) -> RenderableType:
        """The table, the comparisons, figures and commands."""
        from spikeloop.coordinator.report.transfer_report import TRANSFER_COLUMNS, WIDE, gain_words
        from spikeloop.coordinator.stats.regret import CAPTION, plus_minus

        zero, one = self._scale
        table = Table(
            # The words are the run's: text, in which nothing is markup.
            title=Text(
                f"Score on {self._n_tasks} held-out tasks (0 {zero}, 1 {one})", "table.title"
            ),
            title_justify="left",
            caption=CAPTION,
            caption_justify="left",
            padding=(0, 1 if columns >= WIDE else 0),
        )
        for column in TRANSFER_COLUMNS:
            table.add_column(column, justify="left" if column == "Θ" else "right")
        for name, estimate in self._scores.items():
            mean, episodes_done, failed = self._cells[name]
            table.add_row(
                name if estimate.n_points == 1 else f"{name}, mean of {estimate.n_points}",
                f"{estimate.value:.3f}",
                f"[{estimate.low:.3f}, {estimate.high:.3f}]",
                mean,
                plus_minus(self._below[name]),
                episodes_done,
                failed,
            )
        gains = [Text(f"{name}: {gain_words(gain)}") for name, gain in self._gains.items()]
        return Group(table, *gains, *(Text(line) for line in next_steps(self._folder)))

    def as_json(self) -> dict[str, Any]:
        """Scores, differences and returns below the optimum."""
        groups = {"scores": self._scores, "differences": self._gains, "regret": self._below}
        return {
            group: {name: vars(estimate) for name, estimate in found.items()}
            for group, found in groups.items()
        }


def next_steps(folder: Path) -> Iterator[str]:
    """Where the figures are and which commands tell more."""
    for figure in sorted((folder / "figures").glob("*.png")):
        yield printable(f"figure:  {figure}")
    yield printable(f"report:  {again('report', folder)}")
    yield printable(f"check:   {again('verify', folder)}")


def _cells(episodes: Any) -> tuple[str, str, str]:
    """Mean return, episodes and failed episodes of a Θ."""
    from spikeloop.coordinator.stats.regret import amount

    returns = episodes["return"][episodes["status"] == "ok"]
    mean = amount(returns.mean()) if returns.size else "-"
    return mean, str(len(episodes)), str(len(episodes) - returns.size)
