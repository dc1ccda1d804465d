"""A hand-set rule (a) on bandits, by the strength of the action neurons' excitation.

``python benchmarks/studies/rule_by_strength.py [--arms dependent]`` plays rule (a) with constants
set by hand on 1500 bandits that are no search's, with several codes for a value of 0, and prints
expected regret over 100 pulls. docs/results/meta_plasticity.md took the strength of its section
"Stronger synapses" from it.
"""

import argparse

import numpy as np

from spikeloop.tasks.bandit import Bandit
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.space import Parameters

STRENGTHS = (51, 75, 102, 140, 200)
CODES_LOW = (0, 10, 20, 30, 36)
N_BANDITS = 1500
CONSTANTS = {
    "independent": {"learning_rate": 0.3, "rate_decay": 0.955, "initial_value": 0.6},
    "dependent": {"learning_rate": 0.2, "rate_decay": 0.97, "initial_value": 0.42},
}


def regrets(arms: str, strength: int) -> list[float]:
    """Mean regret for each code of a value of 0, on the same bandits with the same seeds."""
    family = Bandit.model_validate({"arms": arms, "counts": "expected"})
    tasks = family.sample(N_BANDITS, np.random.default_rng(5))
    agent = ChipAgent.model_validate(
        {
            "coding": "first",
            "program": {"kind": "incremental"},
            "circuit": {"gm_exc_u10": strength},
        }
    )
    space = agent.space(family.interface)
    rows = [{**CONSTANTS[arms], "inhibition": 35.0, "code_low": low} for low in CODES_LOW]
    values = np.array([[row[name] for name in space.columns] for row in rows], dtype=np.float64)
    seeds = np.random.default_rng(8).integers(0, 2**62, size=(len(rows), N_BANDITS))
    returns = agent.run_episodes(Parameters(space, values), tasks, seeds.astype(np.uint64)).returns
    missed = tasks.references().optimal - returns
    return [float(mean) for mean in missed.mean(axis=1)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--arms", choices=sorted(CONSTANTS), default="independent")
    arms = parser.parse_args().arms
    print("| strength | " + " | ".join(f"low {low}" for low in CODES_LOW) + " | least |")
    print("| --- |" + " --- |" * (len(CODES_LOW) + 1))
    for strength in STRENGTHS:
        found = regrets(arms, strength)
        cells = " | ".join(f"{one:.2f}" for one in found)
        print(f"| {strength} | {cells} | {min(found):.2f} |", flush=True)


if __name__ == "__main__":
    main()
