"""Trainings on quadratic functions: their errors on held-out functions, and what they say together.

``python benchmarks/studies/lsnn_trainings.py LABEL=PATH...`` runs the learned network of every run
folder or weights file on 1000 held-out functions of its own run. Its errors go into
``lsnn_trainings.parquet`` beside this script (``--table``), in place of those of the same label and
seed. A network takes ten seconds. Without any path the table is summed up as it is. Its columns:

    training, run_seed, network      label, seeds of random numbers and of the initial network
    episodes                         of the training
    function                         which held-out function
    squared_error                    of the network, mean over the episode, on the scale of y
    prior_mean, linear_regression,   the same of other predictors
    bayes_regression
    after_10, _20, _30, _39          squared error of the network after so many samples

Intervals of one training are 95 %, bootstrap over functions; those of several are 95 % t-intervals
over trainings. The score is 1 − error / error of the prior mean. The planned comparison is that
with linear regression.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from learning import interval

from spikeloop.coordinator.export import weights as learned
from spikeloop.coordinator.interpretation.behaviour.prediction_errors import NETWORK, squared_errors
from spikeloop.coordinator.interpretation.held_out_episodes import HeldOutEpisodes
from spikeloop.coordinator.stats.scores import Bootstrap, Sample

TABLE = Path(__file__).parent / "lsnn_trainings.parquet"
PREDICTORS = ("prior mean", "linear regression", "Bayes regression")
SCORED = ("squared_error", "linear_regression", "bayes_regression")
SAMPLES = (10, 20, 30, 39)
"""Seen before the answer."""
N_FUNCTIONS = 1000
KEY = ["training", "run_seed", "function"]


def rows(label: str, path: Path) -> pd.DataFrame:
    """Run a learned network on held-out functions: one row each."""
    known = learned.open_learned(path, trust=False)
    config = known.config
    held = HeldOutEpisodes(known, N_FUNCTIONS, config.transfer.seed)
    tasks: Any = held.tasks
    errors = squared_errors(tasks, held.actions(known.point))
    columns = {name.lower().replace(" ", "_"): errors[name].mean(axis=1) for name in PREDICTORS}
    columns |= {f"after_{n}": errors[NETWORK][:, n] for n in SAMPLES}
    frame = pd.DataFrame({"squared_error": errors[NETWORK].mean(axis=1), **columns})
    frame.insert(0, "function", np.arange(N_FUNCTIONS))
    frame.insert(0, "episodes", config.run.generations * config.run.tasks)
    frame.insert(0, "network", held.learner.network)
    frame.insert(0, "run_seed", config.run.seed)
    frame.insert(0, "training", label)
    return frame


def sample(errors: pd.DataFrame, name: str) -> Sample:
    """A predictor's part of the gap between the prior mean and no error, function by function."""
    prior = errors["prior_mean"].to_numpy(float)[None]
    return Sample(prior - errors[name].to_numpy(float)[None], prior)


def summary(table: pd.DataFrame) -> Iterator[str]:
    """The lines of a table in Markdown: every training, and the mean of those with one label."""
    bootstrap = Bootstrap.over(N_FUNCTIONS, np.random.default_rng(0))
    after = [f"after_{n}" for n in SAMPLES]
    yield f"| training | seed | episodes | score | − linear | Bayes | {' | '.join(after)} |"
    yield "|" + " --- |" * (6 + len(after))
    for label, trainings in table.groupby("training", sort=False):
        found = []
        for seed, errors in trainings.groupby("run_seed"):
            network, line, bayes = (sample(errors, name) for name in SCORED)
            score = bootstrap.estimate(network)
            gain = bootstrap.difference(network, line)
            found.append([score.value, gain.value, bayes.score, *errors[after].mean()])
            cells = [str(score), str(gain), f"{bayes.score:.3f}"]
            cells += [f"{value:.3g}" for value in errors[after].mean()]
            yield f"| {label} | {seed} | {errors['episodes'].iloc[0]:,} | {' | '.join(cells)} |"
        if len(found) > 1:
            means = " | ".join(interval(list(column)) for column in zip(*found, strict=True))
            yield f"| {label} | mean of {len(found)} | | {means} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("trainings", nargs="*", metavar="LABEL=PATH", help="what is put in")
    parser.add_argument("--table", type=Path, default=TABLE)
    asked = parser.parse_args()
    given = [each.partition("=") for each in asked.trainings]
    if not all(path for _, _, path in given):
        parser.error("each training must be LABEL=PATH")
    if not given and not asked.table.exists():
        parser.error(f"{asked.table} does not exist yet: name at least one training")
    known = [pd.read_parquet(asked.table)] if asked.table.exists() else []
    new = [rows(label, Path(path)) for label, _, path in given]
    table = pd.concat([*known, *new]).drop_duplicates(KEY, keep="last")
    if new:
        table = table.astype(dict.fromkeys(table.columns[5:], "float32"))
        table.to_parquet(asked.table, index=False, compression="zstd")
    print("\n".join(summary(table)))


if __name__ == "__main__":
    main()
