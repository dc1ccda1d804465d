"""The report of a run, from its folder alone."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
import pandas as pd

from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.config.stopping import Rule, describe_stop
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import duration
from spikeloop.coordinator.report import parameter_traces, run_figures, theta_table
from spikeloop.coordinator.report.page import (
    Block,
    Drawing,
    Folded,
    Page,
    Section,
    Table,
    Text,
    configuration,
    facts,
    reading,
    records,
    table_of,
)
from spikeloop.coordinator.report.rule_figure import rule_blocks
from spikeloop.coordinator.report.section_file import section_blocks
from spikeloop.coordinator.report.theta_table import ThetaRow, theta_rows
from spikeloop.coordinator.report.transfer_report import OtherTransfers, transfer_blocks
from spikeloop.coordinator.search.deployment import deployed, deployed_generation
from spikeloop.coordinator.stats.scores import ends
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.coordinator.store.run_store import RunStore

TABLES = ("generations", "candidates", "episodes", "curves", "finalists", "transfer")
LONGEST_ERROR = 300


def run_page(run: RunFolder) -> Page:
    """Build the report of a run."""
    config, store, manifest = run.config, run.store, run.store.manifest()
    frames = {name: run_figures.frame(store, name) for name in TABLES}
    others = other_transfers(store)
    done, planned = max(store.generation(), 0), config.run.generations
    ended = list(_stops(config, frames["generations"]))
    over = done == planned or any(config.stop.ends(rule) for rule, _ in ended)
    progress = f"{done} generations" if over else f"unfinished, {done} of {planned} generations"
    return Page(
        title=config.run.name,
        about=f"A run of Spikeloop: {config.strategy.kind} searches the hyperparameters of "
        f"{_kind(config, 'learner')} on {_kind(config, 'family')}, {progress}.",
        sections=[
            Section(
                "transfer",
                "Transfer to new tasks",
                list(transfer_blocks(config, frames["transfer"], over, others)),
            ),
            Section(
                "interpretation",
                "What was learned",
                list(section_blocks(store, deployed_generation(run))) if done else [],
            ),
            Section("search", "The search", list(_search(config, frames))),
            Section("where", "Where the distribution went", list(_where(run, frames))),
            Section("rule", "The learned rule", list(_rule(run))),
            Section("failures", "Failed episodes", list(_failures(frames, others))),
            Section("run", "The run", list(_run(config, manifest, frames, others))),
            Section("data", "Reading the data", list(_reading(config, store))),
        ],
    )


def other_transfers(store: RunStore) -> OtherTransfers:
    """Read the transfer evaluations that are not the run's own, by file name."""
    return {
        path.name: (generation, store.read_part(path).to_pandas())
        for path, generation in store.other_transfers()
    }


def _search(config: RunConfig, frames: dict[str, pd.DataFrame]) -> Iterator[Block]:
    generations, curves = frames["generations"], frames["curves"]
    if generations.empty:
        yield Text("No generation is committed yet.")
        return
    scale = ends(config.family.interface)
    yield Drawing(
        run_figures.search_figure(generations, curves, config.run.seed, scale),
        "Fitness comes from fresh tasks in every generation, so its line moves with how "
        "hard they are; the held-out tasks are the same throughout.",
        f"Fitness of the population over {len(generations)} generations: the mean goes from "
        f"{generations['mean'].iloc[0]:.3f} to {generations['mean'].iloc[-1]:.3f}.",
    )
    if names := parameter_traces.reported_numbers(generations):
        yield Drawing(
            parameter_traces.summary_figure(generations),
            "What the strategy reports of itself after each generation.",
            f"Over generations: {', '.join(names)}.",
        )
    for _, sentence in _stops(config, generations):
        yield Text(f"{sentence[0].upper()}{sentence[1:]}.")
    yield Folded(
        "All generations",
        [
            table_of(
                "Fitness of each generation, and held-out score of the point recommended after it",
                records(generations),
                {
                    "generation": lambda row: row["generation"],
                    "best": lambda row: f"{row['best']:.3f}",
                    "mean": lambda row: f"{row['mean']:.3f}",
                    "SD": lambda row: f"{row['sd']:.3f}",
                    "held-out": _held_out,
                    "episodes": lambda row: row["n_episodes"],
                    "failed": lambda row: row["n_failed"],
                    "wall (s)": lambda row: f"{row['wall_s']:.1f}",
                },
            )
        ],
    )


def _held_out(row: Mapping[str, Any]) -> str:
    value, low, high = (row[f"held_out_{name}"] for name in ("score", "low", "high"))
    return f"{value:.3f} [{low:.3f}, {high:.3f}]" if np.isfinite(value) else ""


def _stops(config: RunConfig, generations: pd.DataFrame) -> Iterator[tuple[Rule, str]]:
    """Yield the rules that ended the search early or restarted it, each with its sentence."""
    for row in records(generations):
        rule = row.get("stopped")
        if isinstance(rule, str) and rule:
            known = cast(Rule, rule)
            yield known, describe_stop(known, config.stop, row)


def _where(run: RunFolder, frames: dict[str, pd.DataFrame]) -> Iterator[Block]:
    candidates, space = frames["candidates"], run.config.space
    if candidates.empty:
        return
    rows: list[ThetaRow] = []
    try:
        recommended = parameter_traces.recommended_values(run)
        rows = theta_rows(space, deployed(run))
    except (ConfigError, ValueError) as error:  # a state is damaged, or of another version
        yield Text(f"What the strategy recommended cannot be read: {error}", "note")
        recommended = pd.DataFrame(np.empty((0, space.n_dim)))
    figure = parameter_traces.traces_figure(candidates, recommended, space)
    if figure is None:
        yield Text(f"{space.n_dim} parameters are too many to be stored candidate by candidate.")
    else:
        shown, n = len(figure.axes), len(space.parameters)
        yield Drawing(
            figure,
            "The population in each generation, in physical units; the vertical axis is the whole "
            "range of a parameter, logarithmic where it is searched so. Options of a choice have a "
            "row each, as thick as their share."
            + (f" The first {shown} of {n} parameters are shown." if shown < n else ""),
            f"Population median, band and recommended value of {shown} hyperparameters over "
            "generations; the table below gives their ends.",
        )
    if rows:
        yield Table(
            "The learned Θ: the point to deploy",
            (*theta_table.COLUMNS, "meaning"),
            [(*row.cells, row.description) for row in rows],
            "lrrlll",
        )


def _rule(run: RunFolder) -> Iterator[Block]:
    config, space = run.config, run.config.space
    try:
        values = space.decode(deployed(run)[None]).values[0].tolist()
    except (ConfigError, ValueError):  # told above, where the recommended points are shown
        return
    theta = dict(zip(space.columns, values, strict=True))
    yield from rule_blocks(config.held_out_learner, theta, config.held_out_family.interface)


def _failures(frames: dict[str, pd.DataFrame], others: OtherTransfers) -> Iterator[Block]:
    tables = {
        "search": frames["episodes"],
        "held-out scores": frames["curves"],
        "race of the finalists": frames["finalists"],
        "transfer": frames["transfer"],
        **{f"other_transfers/{name}": episodes for name, (_, episodes) in others.items()},
    }
    rows = []
    for where, episodes in tables.items():
        failed = episodes[episodes["status"] != "ok"] if len(episodes) else episodes
        for reason, group in failed.groupby("status") if len(failed) else ():
            error = str(group["error"].dropna().iloc[0]) if group["error"].notna().any() else ""
            short = error if len(error) <= LONGEST_ERROR else f"{error[:LONGEST_ERROR]}…"
            rows.append((where, str(reason), str(len(group)), str(len(episodes)), short))
    if rows:
        yield Table(
            "Episodes that failed, by reason; they carry no weight",
            ("where", "reason", "failed", "of episodes", "the first"),
            rows,
            "llrrl",
        )
    else:
        yield Text("No episode failed.")


def _run(
    config: RunConfig,
    manifest: dict[str, Any],
    frames: dict[str, pd.DataFrame],
    others: OtherTransfers,
) -> Iterator[Block]:
    generations = frames["generations"]
    held_out = [
        frames["curves"],
        frames["transfer"],
        *(episodes for _, episodes in others.values()),
    ]
    values: dict[str, Any] = {
        "task family": _kind(config, "family"),
        "learner": f"{_kind(config, 'learner')}, {config.space.n_dim} dimensions",
        "strategy": config.strategy.kind,
        "tasks of a generation": config.run.tasks,
        "seed of the run": config.run.seed,
        "seed of the held-out tasks": config.transfer.seed,
        "begun": manifest.get("created", ""),
    }
    if len(generations):
        wall, work = generations["wall_s"].sum(), generations["work_s"].sum()
        values |= {
            "episodes of the search": f"{generations['n_episodes'].sum():,}",
            "episodes of the race of finalists": f"{len(frames['finalists']):,}",
            "episodes on held-out tasks": f"{sum(map(len, held_out)):,}",
            "simulated steps of the search": f"{generations['simulated_steps'].sum():,}",
            "failed episodes of the search": f"{generations['n_failed'].sum():,}",
            "time of the search": f"{duration(wall)} (workers: {duration(work)})",
        }
    yield facts("Size, seeds and budget", values)
    yield facts("What made the numbers", versions(manifest))
    yield configuration(config.tables())


def versions(manifest: dict[str, Any]) -> dict[str, Any]:
    """Take versions, commit and machine from a manifest, for a table."""
    packages = manifest.get("versions", {})
    machine = manifest.get("machine", {})
    return {
        "spikeloop": manifest.get("spikeloop", ""),
        "commit": manifest.get("commit") or "not from a git checkout",
        "Python": manifest.get("python", ""),
        "packages": ", ".join(f"{name} {version}" for name, version in packages.items()),
        "machine": f"{machine.get('processor', '')}, {machine.get('cores', '?')} cores, "
        f"{machine.get('system', '')}",
    }


def _reading(config: RunConfig, store: RunStore) -> Iterator[Block]:
    yield Text(
        "Every number above follows from the Parquet files of the run folder. Any reader of "
        "Parquet opens them; spikeloop verify checks that they agree."
    )
    own = store.part_path("transfer", config.transfer.seed)
    read = {name: store.folder / name for name in TABLES if name != "transfer"}
    read = {name: folder for name, folder in read.items() if store.parts(name)}
    if own.exists():  # the file, because older programs wrote other evaluations beside it
        read["transfer"] = own
    for path, _ in store.other_transfers():
        read[path.stem.replace("-", "_")] = path
    lines = [
        f'{name} = pd.read_parquet("{path.relative_to(store.folder.parent).as_posix()}")'
        for name, path in read.items()
    ]
    yield reading(lines)


def _kind(config: RunConfig, table: str) -> str:
    return str(config.tables()[table]["kind"])
