"""A small comparison, and the check that two comparisons are the same."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

TOML = """
[comparison]
name = "small"
seed = 5
budget = 96
seeds = 2
measurements = 2
target = 0.5

[tuning]
strategies = ["evolution"]
episodes = 480
tasks = 6
startup_trials = 2

[run]
tasks = 2
tile_tasks = 2

[family]
kind = "random_mdp"
n_states = 3
n_actions = 2
n_steps = 40

[learner]
kind = "tabular_td"

[target]
kind = "inline"

[transfer]
tasks = 6
random_points = 2
random_tasks = 6
monitor_tasks = 4

[strategies.evolution]
population_size = 12

[strategies.random_search]
population_size = 12
"""


def comparison_toml(path: Path, **changes: str) -> Path:
    """Write the configuration with some lines replaced."""
    text = TOML
    for old, new in changes.items():
        line = next(line for line in TOML.splitlines() if line.startswith(f"{old} ="))
        text = text.replace(line, new)
    path.write_text(text)
    return path


def comparison_tables(folder: Path) -> dict[str, Any]:
    """Return the tables and findings of a comparison without times."""
    frames = {
        name: pd.read_parquet(folder / f"{name}.parquet").drop(columns=["wall_s"], errors="ignore")
        for name in ("trials", "results", "anytime")
    }
    return {**frames, "findings": json.loads((folder / "findings.json").read_text())}


def assert_same_comparison(one: Path, other: Path) -> None:
    """Fail unless both comparisons hold the same trials, scores and findings, bit for bit."""
    first, second = comparison_tables(one), comparison_tables(other)
    assert first.pop("findings") == second.pop("findings")
    for name in first:
        pd.testing.assert_frame_equal(first[name], second[name], check_exact=True)
