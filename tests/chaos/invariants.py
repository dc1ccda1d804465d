"""What must hold after every run, whatever happened to it. A check tells problems as text."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
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
"""Lives of each run that are lived again here."""


def problems(folder: Path, undisturbed: Path, rng: Generator) -> list[str]:
    """All that is wrong with the contents of a finished run folder."""
    if unreadable := readable(folder):
        return unreadable
    return [
        *same(folder, undisturbed),
        *one_row_each(folder),
        *attempts_accounted(folder),
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


def one_row_each(folder: Path) -> list[str]:
    """One row for each life that was wanted, none twice, none missing, none failed."""
    store, found = RunStore(folder), []
    lives, generations = store.table("lives"), store.table("generations")
    if lives is None or generations is None:
        return ["lives or generations are missing"]
    lives, generations = lives.to_pandas(), generations.to_pandas()
    keys = ["generation", "candidate", "task"]
    if twice := int(lives.duplicated(keys).sum()):
        found.append(f"{twice} lives stand twice")
    for number, n_lives in zip(generations["generation"], generations["n_lives"], strict=True):
        if (n := int((lives["generation"] == number).sum())) != n_lives:
            found.append(f"generation {number} has {n} lives of {n_lives}")
    if failed := int((lives["status"] != "ok").sum()):
        errors = lives.loc[lives["status"] != "ok", "error"].iloc[0]
        found.append(f"{failed} lives failed, the first: {errors}")
    return found


def attempts_accounted(folder: Path) -> list[str]:
    """Every life says how often it was started, within the limit; the retries are their sum."""
    store, found = RunStore(folder), []
    lives, generations = store.table("lives"), store.table("generations")
    if lives is None or generations is None:
        return ["lives or generations are missing"]
    lives, generations = lives.to_pandas(), generations.to_pandas()
    if not lives["attempts"].between(1, MAX_ATTEMPTS).all():
        found.append(f"attempts from {lives['attempts'].min()} to {lives['attempts'].max()}")
    retries = (lives["attempts"] - 1).groupby(lives["generation"]).sum()
    told = generations.set_index("generation")["retries"]
    if not told.sort_index().equals(retries.sort_index().astype(told.dtype)):
        found.append("retries of a generation are not those of its lives")
    if (lives["worker"] == "").any():
        found.append("a life does not say which worker lived it")
    return found


def recomputed(folder: Path, rng: Generator, n_lives: int = N_RECOMPUTED) -> list[str]:
    """Some lives, lived again in this process from what the tables say of them, give their bits."""
    store = RunStore(folder)
    config = read_run(store, trust=True).config
    lives, candidates = store.table("lives"), store.table("candidates")
    if lives is None or candidates is None:
        return ["lives or candidates are missing"]
    lives, candidates = lives.to_pandas(), candidates.to_pandas()
    found = []
    for row in rng.choice(len(lives), min(n_lives, len(lives)), replace=False):
        life = lives.iloc[int(row)]
        generation, candidate, task = (int(life[k]) for k in ("generation", "candidate", "task"))
        told = candidates[candidates["generation"] == generation].sort_values("candidate")
        grid = Grid(
            config.family,
            config.learner,
            Explicit(np.stack(told["point"].to_list())),
            n_tasks=config.run.tasks,
            run_seed=config.run.seed,
            task_set=TaskSet.SEARCH,
            index=generation,
            common_noise=config.run.common_noise,
        )
        again = evaluate(Job(grid, Tile(candidate, candidate + 1, task, task + 1))).returns[0, 0]
        if again != life["return"]:
            found.append(
                f"life {generation}/{candidate}/{task} gave {life['return']!r}, again {again!r}"
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
