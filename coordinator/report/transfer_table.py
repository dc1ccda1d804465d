"""The numbers of a transfer: what each Θ earns on held-out tasks, for terminals and pages alike."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from rich.table import Table
from rich.text import Text

from spikeloop.coordinator.search.transfer import compare, mean_regrets
from spikeloop.coordinator.search.transfer_design import THETAS
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.coordinator.stats.regret import CAPTION, amount, plus_minus
from spikeloop.coordinator.stats.scores import frame_gain_and_span
from spikeloop.tasks.base import FloatArray

COLUMNS = ("Θ", "score", "95 % interval", "mean return", "regret", "episodes", "failed")

WIDE = 100
"""Columns of a terminal from which on there is room between the columns of the table."""


@dataclass(frozen=True)
class TransferScores:
    """One transfer evaluation, with 95 % intervals.

    Attributes:
        scores: of each Θ.
        differences: the planned comparisons, paired by task.
        regret: of each Θ, how much less than the optimal return it earns.
        cells: of each Θ, its row of the table, without its name.
        n_tasks: held-out tasks.
    """

    scores: Mapping[str, Interval]
    differences: Mapping[str, Interval]
    regret: Mapping[str, Interval]
    cells: Mapping[str, tuple[str, ...]]
    n_tasks: int


def transfer_scores(episodes: pd.DataFrame, run_seed: int) -> TransferScores:
    """Compute the scores from rows of the table ``transfer``, all of one transfer seed."""
    seed = int(episodes["transfer_seed"].iloc[0])
    columns = episodes.assign(
        **dict(zip(("gain", "span"), frame_gain_and_span(episodes), strict=True)),
        missed=(episodes["optimal"] - episodes["return"]).where(episodes["status"] == "ok"),
    )
    gain, span, missed = (
        columns.pivot(index=["theta", "point"], columns="task", values=name)
        for name in ("gain", "span", "missed")
    )
    theta = list(gain.index.get_level_values("theta"))
    gains, spans = (table.fillna(0.0).to_numpy() for table in (gain, span))
    scores, differences = compare(run_seed, seed, gains, spans, theta)
    below = mean_regrets(run_seed, seed, missed.to_numpy(), missed.notna().to_numpy(), theta)
    cells = {}
    for name in THETAS:
        own = episodes[episodes["theta"] == name]
        returns = own["return"][own["status"] == "ok"].to_numpy()
        cells[name] = theta_cells(scores[name], returns, below[name], len(own))
    return TransferScores(scores, differences, below, cells, episodes["task"].nunique())


def theta_cells(
    score: Interval, returns: FloatArray, regret: Interval, n_episodes: int
) -> tuple[str, ...]:
    """Format the row of one Θ, without its name; ``returns`` leave out episodes that failed."""
    return (
        f"{score.value:.3f}",
        f"[{score.low:.3f}, {score.high:.3f}]",
        amount(returns.mean()) if returns.size else "-",
        plus_minus(regret),
        str(n_episodes),
        str(n_episodes - returns.size),
    )


def row_name(theta: str, score: Interval) -> str:
    """For example "learned", or "random, mean of 50" where there are several points."""
    return theta if score.n_points == 1 else f"{theta}, mean of {score.n_points}"


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
