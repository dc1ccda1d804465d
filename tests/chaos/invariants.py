"""What must hold after every run, whatever happened to it. A check tells problems as text."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.random import Generator
from support.small_run import assert_same_contents

from chaos.scenes import MAX_ATTEMPTS
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store.run_folder import read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.workers.evaluate import evaluate
from spikeloop.workers.job import Grid, Job, Tile
from spikeloop.workers.seeding import TaskSet

N_RECOMPUTED = 5
"""Episodes of each run that are run again here."""


def problems(folder: Path, undisturbed: Path, rng: Generator) -> list[str]:
    """All that is wrong with the contents of a finished run folder."""
    if unreadable := readable(folder):
        return unreadable
    found = same(folder, undisturbed)
    tables = [RunStore(folder).table(name) for name in ("generations", "candidates", "episodes")]
    if any(table is None for table in tables):
        return [*found, "a table is missing"]
    generations, _, episodes = (table.to_pandas() for table in tables if table is not None)
    return [
        *found,
        *one_row_each(generations, episodes),
        *attempts_accounted(generations, episodes),
        *recomputed(folder, rng),
    ]


def readable(folder: Path) -> list[str]:
    """Every part and state is whole, and no file of an interrupted commit is left."""
    store, found = RunStore(folder), []
    for path in sorted(folder.rglob("*.parquet")):
        try:
            store.read_part(path)
        except ConfigError as error:
            found.append(str(error))
    for generation in range(store.generation() + 1):
        try:
            store.state(generation)
        except ConfigError as error:
            found.append(str(error))
    found += [f"{path}: left by a commit" for path in folder.rglob(".*.tmp")]
    found += [f"{path}: left beside the run" for path in folder.parent.glob(".*.tmp")]
    return found


def same(folder: Path, undisturbed: Path) -> list[str]:
    """Bit for bit the contents of the undisturbed run."""
    try:
        assert_same_contents(folder, undisturbed)
    except AssertionError as error:
        return ["not the undisturbed run: " + " ".join(str(error).split())[:500]]
    return []


def one_row_each(generations: pd.DataFrame, episodes: pd.DataFrame) -> list[str]:
    """One row for each episode that was wanted, none twice, none missing, none failed."""
    found = []
    keys = ["generation", "candidate", "task"]
    if twice := int(episodes.duplicated(keys).sum()):
        found.append(f"{twice} episodes stand twice")
    for number, n_episodes in zip(
        generations["generation"], generations["n_episodes"], strict=True
    ):
        if (n := int((episodes["generation"] == number).sum())) != n_episodes:
            found.append(f"generation {number} has {n} episodes of {n_episodes}")
    if failed := int((episodes["status"] != "ok").sum()):
        errors = episodes.loc[episodes["status"] != "ok", "error"].iloc[0]
        found.append(f"{failed} episodes failed, the first: {errors}")
    return found


def attempts_accounted(generations: pd.DataFrame, episodes: pd.DataFrame) -> list[str]:
    """Every episode says how often it was started, within the limit; the retries are their sum."""
    found = []
    if not episodes["attempts"].between(1, MAX_ATTEMPTS).all():
        found.append(f"attempts from {episodes['attempts'].min()} to {episodes['attempts'].max()}")
    retries = (episodes["attempts"] - 1).groupby(episodes["generation"]).sum()
    recorded = generations.set_index("generation")["retries"]
    if not recorded.sort_index().equals(retries.sort_index().astype(recorded.dtype)):
        found.append("retries of a generation are not those of its episodes")
    if (episodes["worker"] == "").any():
        found.append("an episode does not say which worker ran it")
    return found


def recomputed(folder: Path, rng: Generator, n_episodes: int = N_RECOMPUTED) -> list[str]:
    """Some episodes, run again in this process from the tables alone, give their bits."""
    store = RunStore(folder)
    config = read_run(store, trust=True).config
    tables = store.table("episodes"), store.table("candidates")
    episodes, candidates = (table.to_pandas() for table in tables if table is not None)
    found = []
    for row in rng.choice(len(episodes), min(n_episodes, len(episodes)), replace=False):
        episode = episodes.iloc[int(row)]
        generation, candidate, task = (int(episode[k]) for k in ("generation", "candidate", "task"))
        recorded = candidates[candidates["generation"] == generation].sort_values("candidate")
        grid = Grid(
            config.family,
            config.learner,
            Explicit(np.stack(recorded["point"].to_list())),
            n_tasks=config.run.tasks,
            run_seed=config.run.seed,
            task_set=TaskSet.SEARCH,
            index=generation,
            common_noise=config.run.common_noise,
        )
        again = evaluate(Job(grid, Tile(candidate, candidate + 1, task, task + 1))).returns[0, 0]
        if again != episode["return"]:
            found.append(
                f"episode {generation}/{candidate}/{task} gave {episode['return']!r}, "
                f"again {again!r}"
            )
    return found


def verified(folder: Path, spikeloop: str, environment: Mapping[str, str]) -> list[str]:
    """``spikeloop verify`` agrees."""
    command = [spikeloop, "verify", str(folder), "--trust"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=dict(environment), check=False
    )
    if done.returncode == 0:
        return []
    return [f"spikeloop verify: exit {done.returncode}: {(done.stderr or done.stdout).strip()}"]
