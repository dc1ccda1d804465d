"""How noisy the scores of candidates are, in the unit in which test functions are given noise.

Run ``python benchmarks/strategies/score_noise.py``; it takes some seconds and prints a table. 40
candidates, drawn from the initial law, are scored on independent sets of tasks, the same for all
candidates of a set and with the same episode seeds, as in a generation. What is left of a score
after the mean of its candidate and the mean of its set is noise, for a search ranks candidates
within a generation. It is given in units of the standard deviation between candidates, with an
interval of 95 % by the bootstrap over candidates; the bias of that deviation by the noise is
removed.
"""

from typing import Any

import numpy as np
from ask_and_tell import machine

from spikeloop.tasks import FAMILIES
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.learners import LEARNERS

N_CANDIDATES, N_SETS = 40, 8

CASES: tuple[tuple[str, dict[str, Any], str, dict[str, Any]], ...] = (
    ("maze", {"n_rows": 3, "n_columns": 3, "n_steps": 1000}, "tabular_td", {}),
    ("random_mdp", {"n_states": 6, "n_actions": 8}, "tabular_td", {}),
)
"""Family and learner with their settings."""

TASKS = (6, 20)


def scores(family: Any, learner: Any, n_tasks: int) -> FloatArray:
    """(n_sets, n_candidates) scores."""
    space = learner.space(family.interface)
    parameters = space.decode(space.sample(N_CANDIDATES, np.random.default_rng(0)))
    found = np.empty((N_SETS, N_CANDIDATES))
    for i in range(N_SETS):
        rng = np.random.default_rng((i, n_tasks))
        tasks = family.sample(n_tasks, rng)
        seeds = np.tile(rng.integers(2**64, size=n_tasks, dtype=np.uint64), (N_CANDIDATES, 1))
        returns = learner.run_episodes(parameters, tasks, seeds).returns
        references = tasks.references()
        reach = (references.optimal - references.random).sum()
        found[i] = (returns - references.random).sum(axis=1) / reach
    return found


def share_of_noise(found: FloatArray) -> float:
    """Standard deviation of the noise over that between candidates."""
    n_sets, n_candidates = found.shape
    centred = found - found.mean(axis=1, keepdims=True)
    mean = centred.mean(axis=0)
    noise = ((centred - mean) ** 2).sum() / ((n_sets - 1) * (n_candidates - 1))
    between = mean.var(ddof=1) - noise / n_sets
    return float(np.sqrt(noise / between))


def main() -> None:
    print(f"{machine()}; {N_CANDIDATES} candidates, {N_SETS} sets of tasks\n")
    print("| family | learner | tasks | noise |\n| --- | --- | --- | --- |")
    for family, of_family, learner, of_learner in CASES:
        made: Any = FAMILIES[family]
        learned: Any = LEARNERS[learner]
        for n_tasks in TASKS:
            found = scores(made(**of_family), learned(**of_learner), n_tasks)
            rng = np.random.default_rng(0)
            drawn = rng.integers(0, N_CANDIDATES, (1000, N_CANDIDATES))
            low, high = np.quantile([share_of_noise(found[:, d]) for d in drawn], [0.025, 0.975])
            noise = f"{share_of_noise(found):.0%} [{low:.0%}, {high:.0%}]"
            print(f"| `{family}` | `{learner}` | {n_tasks} | {noise} |")


if __name__ == "__main__":
    main()
