"""The page of Parquet tables, from the schemas that are written."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pyarrow as pa
from markdown_table import code, table

from spikeloop.coordinator.comparison.result_tables import SCHEMAS
from spikeloop.coordinator.store.schemas import COLUMNS, SCHEMA_VERSION, VOLATILE
from spikeloop.coordinator.sweep.results import MEASURED, RUN_COLUMNS

HEAD = f"""# Tables of runs, comparisons and sweeps

A run is a folder of Parquet files, each table a folder of parts; any reader of Parquet takes the
folder whole. Columns and types below are made from the schemas (version {SCHEMA_VERSION}). Columns
marked * say how a run went and may differ between two runs of one configuration; all others are
functions of configuration and seed. How to read them: [Read the results](../how-to/results.md).
"""

FOLDERS: Mapping[str, str] = {
    "generations": "One row for each generation. `strategy_…`: what the strategy says of itself; "
    "`stage`, with a curriculum only: its stage, from 1, and one more than the last for the "
    "family's own tasks.",
    "candidates": "One row for each candidate. `theta_…`: its hyperparameters in physical values; "
    "`point`: its coordinates in the strategy. Both are left out for very large spaces.",
    "episodes": "One row for each episode of the search.",
    "curves": "One row for each held-out episode of the point recommended after a generation.",
    "finalists": "One row for each episode of the race of recommended points, if there was one.",
    "theta": "The learned Θ: a column for each hyperparameter, its unit in the field's metadata.",
    "transfer": "One row for each held-out episode of the default, a random or the learned Θ.",
    "other_transfers": "The same for other held-out tasks: a file for each `spikeloop transfer`.",
    "comparison: trials": "`trials.parquet`: one row for each trial of the tuning.",
    "comparison: results": "`results.parquet`: one row for each search of the final phase.",
    "comparison: anytime": "`anytime.parquet`: one row for each score while searching.",
    "sweep: results": "`results.parquet`: one row for each run, with the varied keys behind the "
    "first column.",
    "sweep: measured": "`measured.parquet`: one row for each score while searching.",
}

MEANINGS: Mapping[str, str] = {
    "generation": "number of the generation, from 1; in `curves` 0 is before the search",
    "candidate": "number of the candidate in its generation, from 0",
    "task": "number of the task among those of its generation or transfer, from 0",
    "episode_seed": "seed of the episode's own random numbers",
    "return": "sum of the episode's rewards",
    "random": "expected return of the uniformly random policy on this task",
    "optimal": "expected return of the optimal policy on this task",
    "score": "(return − random) / (optimal − random); over several episodes take sums, not means",
    "status": "`ok`, or why it failed",
    "error": "message of a failed episode or search",
    "attempts": "starts of the episode",
    "worker": "machine and process that computed it",
    "curve": "mean reward in equal parts of the episode: the learning curve",
    "fitness": "what the strategy maximises; null if the candidate failed",
    "n_episodes": "episodes",
    "n_failed": "episodes that failed",
    "best": "fitness of the best candidate",
    "mean": "mean fitness of the candidates",
    "median": "median fitness of the candidates",
    "sd": "standard deviation of the candidates' fitness",
    "worst": "fitness of the worst candidate",
    "best_candidate": "number of the best candidate",
    "n_candidates": "candidates of the generation",
    "n_tasks": "tasks of the generation, or of the score",
    "failed_raised": "episodes that failed because the learner raised an exception",
    "failed_worker_died": "episodes that failed because they killed their worker",
    "failed_timed_out": "episodes that failed because they took too long",
    "failed_out_of_memory": "episodes that failed for want of memory",
    "failed_not_finite": "episodes that failed because a number was infinite or none",
    "total_episodes": "episodes since the beginning of the search",
    "epoch": "how often the search has begun anew (`stop.then`), from 0",
    "spread": "width of the population in the strategy's coordinates",
    "stopped": "rule of `[stop]` that fired after this generation",
    "simulated_steps": "interactions of learners with their tasks",
    "held_out_score": "score of the recommended Θ on held-out tasks, where it was measured",
    "held_out_low": "lower end of its 95 % interval",
    "held_out_high": "upper end of its 95 % interval",
    "held_out_tasks": "held-out tasks of this score",
    "held_out_failed": "held-out episodes that failed",
    "wall_s": "time that it took, in seconds",
    "work_s": "time that workers spent on episodes, summed over them, in seconds",
    "overhead_s": "time of the generation less work per worker, in seconds",
    "retries": "starts of episodes beyond their first",
    "finished": "when the generation was committed",
    "transfer_seed": "seed of the held-out tasks",
    "theta": "`default`, `random` or `learned`",
    "point": "number of the random point; 0 for the other two",
    "strategy": "kind of the strategy",
    "trial": "number of the trial in its study",
    "state": "state of the trial, in Optuna's words",
    "value": "held-out score of the trial",
    "episodes": "episodes that it took",
    "charged": "episodes that it took from the tuning's budget",
    "settings": "settings of the strategy, as JSON",
    "reason": "why the trial was pruned or failed",
    "variant": "name of the strategy as given or as tuned",
    "seed_index": "which of the paired seeds, from 0",
    "run_seed": "seed of the search",
    "score_low": "lower end of the score's 95 % interval",
    "score_high": "upper end of the score's 95 % interval",
    "failed_held_out": "held-out episodes that failed",
    "failed_episodes": "episodes of the search that failed",
    "generations": "generations of the search",
    "setting": "name of the setting",
    "seed": "seed of the run",
    "folder": "folder of the run, below that of the sweep",
    "transfer_checksum": "checksum of the table that the scores are of",
    "same_as": "variant with the same settings, whose search this is",
}

OF_SCORES: Mapping[str, str] = {
    f"{theta}{end}": f"{words}score of {what} on held-out tasks"
    for theta, what in {"default": "the default Θ", "random": "random Θ"}.items()
    for end, words in {
        "": "",
        "_low": "lower end of the 95 % interval of the ",
        "_high": "upper end of the 95 % interval of the ",
    }.items()
}
"""Columns of a sweep's results that are scores."""


def tables_page(warn: Callable[[str], Any]) -> str:
    """Return the page; warn of a column without meaning, and of a meaning without column."""
    tables: dict[str, Iterable[tuple[str, pa.DataType]]] = {
        name: columns.items() for name, columns in COLUMNS.items()
    }
    schemas = {f"comparison: {name}": schema for name, schema in SCHEMAS.items()}
    schemas |= {"sweep: results": RUN_COLUMNS, "sweep: measured": MEASURED}
    tables |= {name: [(f.name, f.type) for f in schema] for name, schema in schemas.items()}
    parts, met = [HEAD], set()
    for name, columns in tables.items():
        rows = []
        for column, kind in columns:
            met.add(column)
            mark = " *" if column in VOLATILE else ""
            meaning = OF_SCORES.get(column) if name == "sweep: results" else None
            rows.append([code(column) + mark, str(kind), meaning or MEANINGS.get(column, "")])
        if name not in FOLDERS:
            warn(f"the table {name} has no description in {__name__}")
        parts.append(f"## `{name}`\n\n{FOLDERS.get(name, '')}\n")
        if rows:
            parts.append(table(["column", "type", "meaning"], rows))
    for column in (met - OF_SCORES.keys()) ^ (MEANINGS.keys() - OF_SCORES.keys()):
        warn(f"{column}: a column without meaning, or a meaning without column, in {__name__}")
    return "\n".join(parts)
