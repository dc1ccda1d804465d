"""What the published optimum of the seven hyperparameters is worth on the emulated chip.

``python benchmarks/studies/published_optimum.py [--tasks 200] [--searched RUN...]`` runs it, and
the default Θ, on held-out MDPs under every router and other conditions, and prints scores with 95 %
t-intervals over MDPs, of differences from ``squeeze`` paired by MDP. Learned Θ of finished runs
(``spikeloop run examples/mdp_published.toml``) are run on the same MDPs, and their differences from
the published optimum are paired by MDP; the last line has their mean, with an interval over runs.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from learning import interval

from spikeloop.coordinator.search.deployment import deployed
from spikeloop.coordinator.store.run_folder import read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.space import Parameters

# Neuromorphic_Hardware_learns_to_learn, hardware/mdp/NetworkMDP.py, at the end of the file, as it
# was added in commit c8a2990: fractions of 63 codes or 2000 steps, cut as there. The published
# upper weight is 63 · 1.73 = 109, which the search's own bounds cut to 63 (``bounding_func`` in
# NetworkMDP_Optimizee.py).
PUBLISHED_OPTIMUM: Mapping[str, float] = {
    "gamma": 0.0770639236749,
    "eta": 0.720201224558,
    "weight_lower": int(63 * 0.215214063462),
    "weight_upper": 63,
    "initial_weight": int(63 * 0.273526901278),
    "rescale_period": int(2000 * 0.682247163094),
    "inhibition": int(63 * 0.521493564443),
}
FAMILY = RandomMdp()
HELD_OUT_SEED = 777


def with_values(learner: ChipAgent, changes: Mapping[str, float]) -> Parameters:
    """The default Θ with some values replaced."""
    space = learner.space(FAMILY.interface)
    values = space.decode(space.default_point()[None]).values.copy()
    for name, value in changes.items():
        values[0, space.columns.index(name)] = value
    return Parameters(space, values)


def scores(learner: ChipAgent, parameters: Parameters, n_tasks: int) -> FloatArray:
    """Contributions (n_tasks,) to the score, a ratio of sums: their mean is the score.

    Their deviations are those of the ratio to first order, so intervals of means are its intervals.
    """
    tasks = FAMILY.sample(n_tasks, np.random.default_rng(HELD_OUT_SEED))
    seeds = np.arange(n_tasks, dtype=np.uint64)[None]
    references = tasks.references()
    gain = learner.run_episodes(parameters, tasks, seeds).returns[0] - references.random
    span = references.optimal - references.random
    score = gain.sum() / span.sum()
    contributions: FloatArray = score + (gain - score * span) / span.mean()
    return contributions


CONDITIONS: dict[str, dict[str, Any]] = {
    "squeeze": {},
    "squeeze_windows": {"circuit": {"router": "squeeze_windows"}},
    "delay_line": {"circuit": {"router": "delay_line"}},
    "squeeze, the program as published": {"program": {"kind": "td_published"}},
    "squeeze, a step of 0.05 µs": {"circuit": {"step_s": 5e-8}},
    "squeeze, uncalibrated": {"mismatch": "uncalibrated"},
    "squeeze, no mismatch": {"mismatch": "off"},
    "squeeze, chip 21": {"chip": 21},
    "squeeze, chip 22": {"chip": 22},
    **{
        f"squeeze, {name} {code}": {"circuit": {name: code}}
        for name, codes in (
            ("gm_exc_u10", (48, 54)),
            ("state_gm_exc_u10", (440, 1022)),
            ("gm_inh_u10", (450, 900)),
        )
        for code in codes
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--searched", type=Path, nargs="*", default=[], metavar="RUN")
    arguments = parser.parse_args()
    squeeze: FloatArray | None = None
    for name, settings in CONDITIONS.items():
        learner = ChipAgent.model_validate(settings)
        published, default = (
            scores(learner, with_values(learner, changes), arguments.tasks)
            for changes in (PUBLISHED_OPTIMUM, {})
        )
        squeeze = published if squeeze is None else squeeze
        print(
            f"{name}: published {interval(published.tolist())}, "
            f"minus squeeze {interval((published - squeeze).tolist())}, "
            f"default {interval(default.tolist())}",
            flush=True,
        )
    gains = []
    for folder in arguments.searched:
        run = read_run(RunStore.open(folder))
        searched = run.config.learner
        if not isinstance(searched, ChipAgent):
            raise SystemExit(f"{folder}: the learner must be chip, got {searched.kind}")
        point = run.config.space.decode(deployed(run)[None])
        learned = scores(searched, point, arguments.tasks)
        gain = learned - scores(searched, with_values(searched, PUBLISHED_OPTIMUM), arguments.tasks)
        gains.append((float(learned.mean()), float(gain.mean())))
        print(
            f"{folder}: learned {interval(learned.tolist())}, "
            f"minus published {interval(gain.tolist())}",
            flush=True,
        )
    if gains:
        learned_mean, gain_mean = (interval(values) for values in zip(*gains, strict=True))
        print(f"mean of {len(gains)} runs: learned {learned_mean}, minus published {gain_mean}")


if __name__ == "__main__":
    main()
