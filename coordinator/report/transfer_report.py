"""How well a run's learned Θ does on new tasks, from the rows of ``transfer`` alone."""

from collections.abc import Iterator, Mapping

import pandas as pd

from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.report import run_figures
from spikeloop.coordinator.report.page import Block, Drawing, Table, Text
from spikeloop.coordinator.report.transfer_table import COLUMNS, describe_difference, theta_rows
from spikeloop.coordinator.search import baselines
from spikeloop.coordinator.search.baselines import OtherTasks
from spikeloop.coordinator.search.transfer import score_warnings, transfer_scores
from spikeloop.coordinator.stats.regret import CAPTION
from spikeloop.coordinator.stats.scores import ends

OtherTransfers = Mapping[str, tuple[int, pd.DataFrame]]
"""Transfer evaluations that are not the run's own: file name -> deployed generation and rows."""


def transfer_blocks(
    config: RunConfig, transfer: pd.DataFrame, over: bool, others: OtherTransfers
) -> Iterator[Block]:
    """Show scores, planned comparisons and learning curves of held-out episodes.

    ``transfer`` are rows of the table of that name; there may be none, or, from older programs,
    several transfer seeds. ``others`` each have a table of their own below it.
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
    zero, one = ends(config.held_out_family.interface)
    for which, episodes in evaluations:
        seed = episodes["transfer_seed"].iloc[0]
        found = transfer_scores(episodes, config.run.seed)
        differences = dict(found.differences)
        rows = theta_rows(found, " Θ")
        note = ""
        try:
            for name, baseline in baselines.measure(config, episodes).items():
                rows.append((name, *baseline.cells, "", ""))
                differences[f"learned - {name}"] = baseline.learned_minus
                note = (
                    "Rows without episodes are other policies, on the same tasks, for comparison."
                )
        except OtherTasks as error:
            note = f"Policies for comparison cannot be shown: {error}."
        for line in score_warnings(found, config.held_out_family.interface):
            yield Text(f"Warning: {line}.", "lead")
        for name, difference in differences.items():
            yield Text(f"{name}: {describe_difference(difference)}", "lead")
        yield Table(
            f"Score on {found.n_tasks} held-out tasks, seed {seed}{which} (0 {zero}, 1 {one})",
            COLUMNS,
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
        steps = config.held_out_family.interface.n_steps
        yield Drawing(
            run_figures.learning_figure(episodes, steps, config.run.seed, (zero, one)),
            "Reward per step within held-out episodes, with pointwise 95 % intervals; dashed and "
            f"dotted lines are the {one} and the {zero}.",
            "Learning curves of the default, random and learned hyperparameters.",
        )
