"""One row for each search of a study, so that verdicts can be recomputed without a new search.

``python benchmarks/studies/collect_searches.py FOLDER... --out searches.parquet`` takes sweeps, or
folders with the runs of ``learning.py``, whose searches have ended. Rows of other studies that the
table has already stay in it. ``benchmarks/studies/searches.parquet`` was made by it. Columns:

    study, setting, seed     the folder, the setting in it, and the seed of the search
    episodes                 that the search evaluated
    tasks                    held-out tasks that score it
    score                    of the learned Θ: 0 uniformly random, 1 optimal policy
    default_score            of the default Θ, where it was scored
    random_score             of the random Θ together, where they were scored
    regret, uniform_regret   optimal minus earned return, of the learned Θ and of uniform actions
    theta                    learned hyperparameters, in the order of the learner's space
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from learning import scores
from on_chip_search import held_out


def searches(folder: Path) -> list[tuple[str, int, Path]]:
    """Return setting, seed and run of each search of a sweep, or of ``learning.py``."""
    if (folder / "runs").is_dir():
        named = [(run.parent.name, int(run.name), run) for run in folder.glob("runs/*/*")]
    else:
        split = [(run.name.rsplit("-", 1), run) for run in folder.glob("*-*")]
        named = [(setting, int(seed), run) for (setting, seed), run in split]
    return sorted(each for each in named if any((each[2] / "transfer").glob("*.parquet")))


def row(study: str, setting: str, seed: int, run: Path) -> dict[str, object]:
    """Sum up a run."""
    frame = pd.read_parquet(run / "transfer")
    of_theta = scores(run)
    learned = frame[frame["theta"] == "learned"]
    theta = pd.read_parquet(run / "theta").iloc[0]
    return {
        "study": study,
        "setting": setting,
        "seed": seed,
        "episodes": int(pd.read_parquet(run / "generations")["n_episodes"].sum()),
        "tasks": len(learned),
        "score": of_theta["learned"],
        "default_score": of_theta.get("default"),
        "random_score": of_theta.get("random"),
        "regret": held_out(run, regret=True),
        "uniform_regret": float((learned["optimal"] - learned["random"]).mean()),
        "theta": np.concatenate([np.ravel(values) for values in theta]).astype(float),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folders", type=Path, nargs="+", help="of sweeps, or of learning.py")
    parser.add_argument("--out", type=Path, required=True, help="the table")
    arguments = parser.parse_args()
    rows = [
        row(folder.name, *search) for folder in arguments.folders for search in searches(folder)
    ]
    frame = pd.DataFrame(rows)
    if arguments.out.exists():
        known = pd.read_parquet(arguments.out)
        frame = pd.concat([known[~known["study"].isin(frame["study"])], frame], ignore_index=True)
    frame.to_parquet(arguments.out)
    print(frame.groupby(["study", "setting"], sort=False)["score"].describe()[["count", "mean"]])


if __name__ == "__main__":
    main()
