"""One row for each search of a study, so that verdicts can be recomputed without a new search.

``python benchmarks/studies/collect_searches.py SWEEP... --out searches.parquet`` takes sweeps whose
searches have ended. Rows of other studies that the table has already stay in it.
``benchmarks/studies/searches.parquet`` was made by it. Columns:

    study, setting, seed     folder of the sweep, its setting, and the seed of the search
    episodes                 that the search evaluated
    tasks                    held-out tasks that score it
    score                    of the learned Θ: 0 uniformly random, 1 optimal policy
    regret, uniform_regret   optimal minus earned return, of the learned Θ and of uniform actions
    theta                    learned hyperparameters, in the order of the learner's space
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from on_chip_search import held_out


def row(run: Path, study: str) -> dict[str, object]:
    """Sum up a run."""
    frame = pd.read_parquet(run / "transfer")
    learned = frame[frame["theta"] == "learned"]
    theta = pd.read_parquet(run / "theta").iloc[0]
    return {
        "study": study,
        "setting": run.parent.name,
        "seed": int(run.name),
        "episodes": int(pd.read_parquet(run / "generations")["n_episodes"].sum()),
        "tasks": len(learned),
        "score": held_out(run, regret=False),
        "regret": held_out(run, regret=True),
        "uniform_regret": float((learned["optimal"] - learned["random"]).mean()),
        "theta": np.concatenate([np.ravel(values) for values in theta]).astype(float),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("sweeps", type=Path, nargs="+", help="folders of sweeps")
    parser.add_argument("--out", type=Path, required=True, help="the table")
    arguments = parser.parse_args()
    rows = []
    for sweep in arguments.sweeps:
        runs = sorted(
            (sweep / "runs").glob("*/*"), key=lambda run: (run.parent.name, int(run.name))
        )
        rows += [row(run, sweep.name) for run in runs if any((run / "transfer").glob("*.parquet"))]
    frame = pd.DataFrame(rows)
    if arguments.out.exists():
        known = pd.read_parquet(arguments.out)
        frame = pd.concat([known[~known["study"].isin(frame["study"])], frame], ignore_index=True)
    frame.to_parquet(arguments.out)
    print(frame.groupby(["study", "setting"], sort=False)["score"].describe()[["count", "mean"]])


if __name__ == "__main__":
    main()
