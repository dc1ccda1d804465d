"""A folder of a comparison with made-up results: every variant a little better than the last."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spikeloop.coordinator.comparison import SCHEMA_VERSION, result_tables
from spikeloop.coordinator.comparison.comparison_config import parse
from spikeloop.coordinator.store import atomic_files

N_SEEDS = 8


def tables(strategies: tuple[str, ...], tuned: tuple[str, ...]) -> dict[str, Any]:
    return {
        "comparison": {"name": "made", "budget": 1000, "seeds": N_SEEDS, "target": 0.6},
        "tuning": {"episodes": 20_000 if tuned else 0, "strategies": list(tuned)},
        "family": {"kind": "random_mdp", "n_states": 3, "n_actions": 2, "n_steps": 60},
        "learner": {"kind": "tabular_td"},
        "target": {"kind": "inline"},
        "strategies": {name: {} for name in strategies},
    }


def made_up(
    folder: Path,
    strategies: tuple[str, ...] = ("evolution", "random_search"),
    tuned: tuple[str, ...] = ("evolution",),
    n_trials: int = 20,
) -> Path:
    """A folder with made-up results: every variant a little better than the one before it."""
    config = parse(tables(strategies, tuned), "here", Path())
    folder.mkdir()
    version = SCHEMA_VERSION
    manifest = {"schema_version": version, "config": config.tables(), "spikeloop": "0"}
    atomic_files.write_json(folder / "comparison.json", manifest)
    rng = np.random.default_rng(5)
    variants = [(name, name, "default") for name in strategies]
    variants += [(f"{name}_tuned", name, "tuned") for name in tuned]
    results: list[dict[str, Any]] = []
    anytime: list[dict[str, Any]] = []
    for place, (variant, strategy, settings) in enumerate(variants):
        for seed in range(N_SEEDS):
            score = 0.5 + 0.05 * place + 0.03 * rng.standard_normal()
            named = {"variant": variant, "seed_index": seed}
            results.append(
                named
                | {"strategy": strategy, "settings": settings, "run_seed": 70 + seed}
                | {"score": score, "score_low": score - 0.04, "score_high": score + 0.04}
                | {"n_tasks": 50, "episodes": 960, "failed_episodes": place, "generations": 5}
                | {"error": "", "wall_s": 1.5}
            )
            anytime += [
                named | {"generation": g, "episodes": 192 * g, "score": score * g / 5}
                for g in range(6)
            ]
    trials = [
        {"strategy": name, "trial": number, "state": "complete", "episodes": 960, "charged": 960}
        | {"value": 0.4 + 0.1 * rng.random(), "settings": json.dumps(drawn(rng)), "reason": ""}
        for name in tuned
        for number in range(n_trials)
    ]
    for name, rows in (("results", results), ("anytime", anytime), ("trials", trials)):
        table = pa.Table.from_pylist(rows, schema=result_tables.SCHEMAS[name])
        atomic_files.write_parquet(folder / f"{name}.parquet", table)
    return folder


def drawn(rng: np.random.Generator) -> dict[str, Any]:
    sigma = float(np.exp(rng.uniform(np.log(0.05), np.log(0.4))))
    return {"population_size": str(rng.choice(["12", "24", "48"])), "sigma": sigma}
