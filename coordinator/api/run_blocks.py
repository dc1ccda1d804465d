"""A run as a notebook shows it: scores, the learned Θ and two figures, as far as they are there."""

from collections.abc import Iterator

from spikeloop.coordinator.api.held_out import score_table
from spikeloop.coordinator.api.run_folders import from_here
from spikeloop.coordinator.api.theta import theta_block
from spikeloop.coordinator.report import run_figures
from spikeloop.coordinator.report.page import Drawing, Table, Text
from spikeloop.coordinator.search.baselines import OtherTasks
from spikeloop.coordinator.search.deployment import deployed
from spikeloop.coordinator.search.transfer import Transfer, transfer_scores, with_baselines
from spikeloop.coordinator.stats.scores import ends
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.coordinator.watch.writer import find_writer


def is_finished(run: RunFolder) -> bool:
    """Whether a search has ended and its transfer to held-out tasks was measured."""
    return run.search_is_over and not run_figures.own_transfer(run).empty


def describe_progress(run: RunFolder) -> str:
    """For example "12 of 30 generations, going on"."""
    done = max(run.store.generation(), 0)
    counted = f"{done} of {run.config.run.generations} generations"
    if is_finished(run):
        return f"{counted}, finished"
    writer = find_writer(run.folder)
    if writer is None or writer.alive is False:
        return f"{counted}, interrupted"
    return f"{counted}, going on" + ("" if writer.alive else f" on {writer.host}, or ended")


def measured_transfer(run: RunFolder) -> Transfer | None:
    """Score a run's own held-out episodes; None if there are none yet."""
    episodes = run_figures.own_transfer(run)
    if episodes.empty:
        return None
    try:
        return with_baselines(run.config, episodes)
    except OtherTasks:  # an older version drew other ones, on which no baseline is known
        return transfer_scores(episodes, run.config.run.seed)


def run_blocks(run: RunFolder) -> Iterator[Text | Table | Drawing]:
    """Show a run as of now."""
    config = run.config
    kinds = {name: table.get("kind") for name, table in config.tables().items()}
    yield Text(f"Run {config.run.name}", "lead")
    yield Text(
        f"{kinds['strategy']} searches the hyperparameters of {kinds['learner']} on "
        f"{kinds['family']}: {describe_progress(run)}. Folder: {from_here(run.folder)}"
    )
    generations = run_figures.frame(run.store, "generations")
    if generations.empty:
        yield Text("No generation is committed yet.")
        return
    scale, seed = ends(config.family.interface), config.run.seed
    held_out = config.held_out_family.interface
    of_held_out = ends(held_out)
    transfer = measured_transfer(run)
    if transfer is not None:
        yield score_table(transfer, of_held_out)
    which = "Θ as of now" if transfer is None else "The learned Θ"
    yield theta_block(which, config.space, deployed(run))
    curves = run_figures.frame(run.store, "curves")
    yield Drawing(
        run_figures.search_figure(generations, curves, seed, scale, "The search"),
        "",
        f"Fitness and held-out score over {len(generations)} generations",
    )
    if transfer is not None:
        episodes = run_figures.own_transfer(run)
        yield Drawing(
            run_figures.learning_figure(episodes, held_out.n_steps, seed, of_held_out),
            "",
            "Reward per step within held-out episodes of default, random and learned Θ",
        )
