"""The numbers of a transfer: what each Θ earns on held-out tasks, for terminals and pages alike."""

import math
from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from spikeloop.coordinator.search.transfer import Transfer
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.coordinator.stats.regret import CAPTION, amount, plus_minus

COLUMNS = ("Θ", "score", "95 % interval", "mean return", "regret", "episodes", "failed")

WIDE = 100
"""Columns of a terminal from which on there is room between the columns of the table."""


def theta_rows(transfer: Transfer, ending: str = "") -> list[tuple[str, ...]]:
    """Format the row of each Θ: its name with an ending, numbers, and counts of episodes.

    The name is for example "learned", or "random, mean of 50" where there are several points.
    """
    rows: list[tuple[str, ...]] = []
    for theta, score in transfer.scores.items():
        mean_return, n_episodes, n_failed = theta_counts(transfer, theta)
        rows.append(
            (
                f"{theta}{ending}" + (f", mean of {score.n_points}" if score.n_points != 1 else ""),
                f"{score.value:.3f}",
                f"[{score.low:.3f}, {score.high:.3f}]",
                amount(mean_return) if n_failed < n_episodes else "-",
                plus_minus(transfer.regret[theta]),
                str(n_episodes),
                str(n_failed),
            )
        )
    return rows


def theta_counts(transfer: Transfer, theta: str) -> tuple[float, int, int]:
    """Give the mean return of a Θ, nan if every episode failed, its episodes, and failed ones."""
    own = transfer.episodes[transfer.episodes["theta"] == theta]
    returns = own["return"][own["status"] == "ok"].to_numpy()
    mean = float(returns.mean()) if returns.size else math.nan
    return mean, len(own), len(own) - returns.size


def terminal_table(
    n_tasks: int,
    scale: tuple[str, str],
    rows: Iterable[Sequence[str]],
    columns: int,
    baselines: Iterable[Sequence[str]] = (),
) -> Table:
    """Lay the table out for a terminal of so many columns, with other policies below each Θ.

    ``scale`` says what scores 0 and what scores 1; it may come from a foreign folder.
    """
    zero, one = scale
    is_wide = columns >= WIDE
    table = Table(
        title=Text(f"Score on {n_tasks} held-out tasks (0 {zero}, 1 {one})", "table.title"),
        title_justify="left",
        caption=CAPTION,
        caption_justify="left",
        padding=(0, 1 if is_wide else 0),
    )
    for column in COLUMNS:
        name = "n" if column == "episodes" and not is_wide else column
        table.add_column(name, justify="left" if column == "Θ" else "right")
    for row in rows:
        table.add_row(*row)
    table.add_section()
    for row in baselines:
        table.add_row(*row)
    return table


def describe_difference(difference: Interval) -> str:
    """For example "+0.541 [+0.487, +0.597], paired by task, n = 200: higher"."""
    verdict = (
        "not measured, too many episodes failed"
        if math.isnan(difference.value)
        else "higher"
        if difference.low > 0
        else "lower"
        if difference.high < 0
        else "no difference detected"
    )
    return (
        f"{difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}], "
        f"paired by task, n = {difference.n}: {verdict}"
    )
