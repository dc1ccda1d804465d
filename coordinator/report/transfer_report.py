"""How a run's learned Θ does on new tasks, for its report, from the rows of ``transfer`` alone."""

import math
from collections.abc import Iterator, Mapping

import pandas as pd

from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.page import Block, Drawing, Table, Text
from spikeloop.coordinator.search import baselines
from spikeloop.coordinator.search.baselines import Baseline, OtherTasks
from spikeloop.coordinator.search.transfer import THETAS, compare, mean_regrets
from spikeloop.coordinator.stats.regret import CAPTION, amount, plus_minus
from spikeloop.coordinator.stats.scores import Estimate, ends
from spikeloop.tasks.base import References

TRANSFER_COLUMNS = (
    "Θ",
    "score",
    "95 % interval",
    "mean return",
    "regret",
    "episodes",
    "failed",
)


WIDE = 100
"""Columns of a terminal from which on there is room between the columns of a table."""


OtherTransfers = Mapping[str, tuple[int, pd.DataFrame]]
"""Of transfer evaluations that are not the run's own, by file name: generation and rows."""


def transfer_blocks(
    config: RunConfig, transfer: pd.DataFrame, over: bool, others: OtherTransfers
) -> Iterator[Block]:
    """Scores, planned comparisons and learning curves of held-out episodes.

    Args:
        config: of the run.
        transfer: rows of the table of that name, of one transfer seed or, as older programs wrote
            it, several; maybe none.
        over: whether the search has ended.
        others: further evaluations, each with its own table below that of the run.
    """
    evaluations = (
        [] if transfer.empty else [("", own) for _, own in transfer.groupby("transfer_seed")]
    )
    evaluations += [(f", Θ after generation {g}", episodes) for g, episodes in others.values()]
    if transfer.empty:
        yield Text(
            "The transfer to held-out tasks has not been measured."
            if over
            else "The transfer to held-out tasks has not been measured: the run is not finished."
        )
    if not evaluations:
        return
    zero, one = ends(config.family.interface)
    for which, episodes in evaluations:
        seed = episodes["transfer_seed"].iloc[0]
        scores, gains = transfer_scores(episodes, config.run.seed)
        below = transfer_regrets(episodes, config.run.seed)
        yield from (Text(f"{name}: {gain_words(gain)}", "lead") for name, gain in gains.items())
        rows = []
        for name in THETAS:
            own, estimate = episodes[episodes["theta"] == name], scores[name]
            returns = own["return"][own["status"] == "ok"]
            points = "" if estimate.n_points == 1 else f", mean of {estimate.n_points}"
            rows.append(
                (
                    f"{name} Θ{points}",
                    f"{estimate.value:.3f}",
                    f"[{estimate.low:.3f}, {estimate.high:.3f}]",
                    amount(returns.mean()) if returns.size else "-",
                    plus_minus(below[name]),
                    str(len(own)),
                    str(len(own) - returns.size),
                )
            )
        note = ""
        try:
            for name, baseline in transfer_baselines(config, episodes).items():
                rows.append((name, *baseline.cells, "", ""))
                note = (
                    "Rows without episodes are other policies, on the same tasks, for comparison."
                )
        except OtherTasks as error:
            note = f"Policies for comparison cannot be shown: {error}."
        yield Table(
            f"Score on {episodes['task'].nunique()} held-out tasks, seed {seed}{which} "
            f"(0 {zero}, 1 {one})",
            TRANSFER_COLUMNS,
            rows,
        )
        if note:
            yield Text(note, "note")
    yield Text(f"{CAPTION[0].upper()}{CAPTION[1:]}.", "note")
    yield Text(
        "Intervals are percentile bootstraps over tasks, and over points where a row has several: "
        "they speak about new tasks for this Θ, not about other runs of the search.",
        "note",
    )
    if transfer.empty:
        return
    episodes = transfer[transfer["transfer_seed"] == config.transfer.seed]
    if not episodes.empty:
        figure = figures.new()
        steps = config.family.interface.n_steps
        figures.draw_learning(figure.subplots(), episodes, steps, config.run.seed, (zero, one))
        yield Drawing(
            figure,
            "Reward per step within held-out episodes, with pointwise 95 % intervals; dashed and "
            f"dotted lines are the {one} and the {zero}.",
            "Learning curves of the default, random and learned hyperparameters.",
        )


def transfer_scores(
    episodes: pd.DataFrame, run_seed: int
) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    """Scores and planned comparisons from the rows of ``transfer`` with one transfer seed."""
    seed = int(episodes["transfer_seed"].iloc[0])
    ok = episodes["status"] == "ok"
    sums = episodes.assign(
        gain=(episodes["return"] - episodes["random"]).where(ok, 0.0),
        span=(episodes["optimal"] - episodes["random"]).where(ok, 0.0),
    )
    gain, span = (
        sums.pivot(index=["theta", "point"], columns="task", values=name).fillna(0.0)
        for name in ("gain", "span")
    )
    theta = list(gain.index.get_level_values("theta"))
    return compare(run_seed, seed, gain.to_numpy(), span.to_numpy(), theta)


def transfer_regrets(episodes: pd.DataFrame, run_seed: int) -> dict[str, Estimate]:
    """Returns below the optimum from the rows of ``transfer`` with one transfer seed."""
    seed = int(episodes["transfer_seed"].iloc[0])
    missed = (episodes["optimal"] - episodes["return"]).where(episodes["status"] == "ok")
    table = episodes.assign(missed=missed).pivot(
        index=["theta", "point"], columns="task", values="missed"
    )
    theta = list(table.index.get_level_values("theta"))
    return mean_regrets(run_seed, seed, table.to_numpy(), table.notna().to_numpy(), theta)


def transfer_baselines(config: RunConfig, episodes: pd.DataFrame) -> dict[str, Baseline]:
    """Baselines, computed again for the rows of ``transfer`` with one transfer seed.

    Raises:
        OtherTasks: the family's code has changed, so they would be those of other tasks.
    """
    seed = int(episodes["transfer_seed"].iloc[0])
    tasks = episodes.drop_duplicates("task").sort_values("task")
    references = References(tasks["random"].to_numpy(), tasks["optimal"].to_numpy())
    return baselines.measure(config, seed, references)


def gain_words(gain: Estimate) -> str:
    """For example "+0.541 [+0.487, +0.597], paired by task, n = 200: higher"."""
    verdict = (
        "not measured, too many episodes failed"
        if math.isnan(gain.value)
        else "higher"
        if gain.low > 0
        else "lower"
        if gain.high < 0
        else "no difference detected"
    )
    return (
        f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}], paired by task, "
        f"n = {gain.n_tasks}: {verdict}"
    )
