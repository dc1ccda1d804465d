"""What limits a learned Θ on the chip: the same Θ and the same tasks, with one thing switched.

``python benchmarks/studies/limits.py RUN [RUN...]`` takes the learned Θ of finished runs (searches
of one kind with different seeds), runs it on each run's held-out tasks once more under every
condition, and prints the change of the score, paired by run: means and 95 % t-intervals over runs.
Θ is not searched again, so a condition shows what Θ learned under the run's own condition meets.
"""

import argparse
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path
from typing import Any

import numpy as np
from learning import interval

from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.search.deployment import deployed
from spikeloop.coordinator.store.run_folder import read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.base import FloatArray, References
from spikeloop.tasks.tabular import TabularTasks
from spikeloop.workers.base import Learner
from spikeloop.workers.chip.core import SEED_LANE, Core
from spikeloop.workers.chip.limits import MAX_WEIGHT_U6, N_NEURONS
from spikeloop.workers.chip.noise import seed_words
from spikeloop.workers.chip.router import advance
from spikeloop.workers.evaluate import evaluate
from spikeloop.workers.job import Grid, Job, Tile
from spikeloop.workers.kernels import routine
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.learners.chip.coding import CODINGS, choose
from spikeloop.workers.learners.chip.episode import (
    DecisionProtocol,
    decision_protocol,
    silence,
    stimulate,
)
from spikeloop.workers.learners.tabular.learner import TabularTd
from spikeloop.workers.plasticity import TdLambda
from spikeloop.workers.plasticity.program import VALUE_ONE
from spikeloop.workers.seeding import TaskSet
from spikeloop.workers.space import Parameters

OTHER_CHIPS = (21, 22, 23)
N_TASKS = 200
CONDITIONS: dict[str, Mapping[str, Any]] = {
    "as searched": {},
    "action from `fired`": {"coding": "fired"},
    "action from `first`": {"coding": "first"},
    "action from `count`": {"coding": "count"},
    "no temporal noise": {"circuit": {"noise_V": 0.0}},
    "twice the noise": {"circuit": {"noise_V": 0.04}},
    "no mismatch": {"mismatch": "off"},
    "uncalibrated": {"mismatch": "uncalibrated"},
    **{f"chip {chip}": {"chip": chip} for chip in OTHER_CHIPS},
    "the program as published": {"program": {"kind": "td_published"}},
    "step of 0.05 µs": {"circuit": {"step_s": 5e-8}},
    "default strength of synapses": {"circuit": {"gm_exc_u10": 51}},
}


def changed(learner: ChipAgent, changes: Mapping[str, Any]) -> ChipAgent:
    """The learner with some settings replaced, those of tables within one by one."""
    values = learner.model_dump()
    for name, change in changes.items():
        if name == "program":
            values[name] = change
        elif isinstance(change, Mapping):
            values[name] = {**values[name], **change}
        else:
            values[name] = change
    return ChipAgent.model_validate(values)


def held_out(run: RunConfig, point: FloatArray, learner: Learner) -> Grid:
    """Episodes of a point on the run's held-out tasks, with their seeds."""
    return Grid(
        run.family,
        learner,
        Explicit(point[None]),
        n_tasks=N_TASKS,
        run_seed=run.run.seed,
        task_set=TaskSet.TRANSFER,
        index=run.transfer.seed,
        common_noise=run.run.common_noise,
    )


def ratio(returns: FloatArray, references: References) -> float:
    """The score: a ratio of sums."""
    gain, span = returns - references.random, references.optimal - references.random
    return float(gain.sum() / span.sum())


def score(run: RunConfig, point: FloatArray, learner: ChipAgent) -> float:
    """Score of a point on the run's held-out tasks."""
    grid = held_out(run, point, learner)
    tiles = [Tile(0, 1, first, first + 20) for first in range(0, N_TASKS, 20)]
    with ThreadPoolExecutor(cpu_count()) as threads:
        results = list(threads.map(lambda tile: evaluate(Job(grid, tile, "limits")), tiles))
    for result in results:
        if result.failures:
            raise SystemExit(result.failures[0].traceback)
    returns = np.concatenate([result.returns[0] for result in results])
    return ratio(returns, grid.tasks().references())


@routine
def observe(
    core: Core, state: int, n_states: int, n_actions: int, coding: int, protocol: DecisionProtocol
) -> tuple[int, int]:
    """One decision with the weights as they are: how many action neurons fired, and the choice."""
    stimulate(core, state, n_states, protocol)
    n_fired = 0
    for action in range(n_actions):
        if core.counters_u10[n_states + action] > 0:
            n_fired += 1
    action = choose(core, coding, n_states, n_actions)
    silence(core, n_states, n_actions, protocol)
    advance(core, protocol.settle)
    return n_fired, action


def decisions(run: RunConfig, point: FloatArray, n_tasks: int = 20) -> dict[str, float]:
    """What decisions look like at the end of a learned Θ's episodes, over all states alike."""
    learner = run.learner
    assert isinstance(learner, ChipAgent)
    parameters = run.space.decode(point[None])
    theta = dict(zip(run.space.columns, parameters.values[0], strict=True))
    tasks = run.family.sample(n_tasks, np.random.default_rng(run.run.seed))
    assert isinstance(tasks, TabularTasks)
    episodes = learner.run_episodes(parameters, tasks, np.arange(n_tasks, dtype=np.uint64)[None])
    assert episodes.action_values is not None
    n_states, n_actions = tasks.n_states, tasks.n_actions
    protocol = decision_protocol(learner.circuit_of(theta))
    coding = CODINGS.index(learner.coding)
    fired, silent, best, ties = [], [], [], []
    for task in range(n_tasks):
        core = learner.network(theta, n_states, n_actions)
        seed_words(np.uint64(task), core.lanes)
        core.random[0] = core.lanes[SEED_LANE]
        weights = np.rint(episodes.action_values[0, task] * VALUE_ONE / 128)
        rows = core.weight_u6.reshape(-1, N_NEURONS)
        rows[:n_states, n_states : n_states + n_actions] = weights
        for _ in range(10):
            for state in range(n_states):
                n, action = observe(core, state, n_states, n_actions, coding, protocol)
                fired.append(n)
                silent.append(n == 0)
                best.append(weights[state, action] == weights[state].max())
                ties.append((weights[state] == weights[state].max()).sum() > 1)
    return {
        "action neurons that fired": float(np.mean(fired)),
        "none fired": float(np.mean(silent)),
        "chosen action has the largest weight": float(np.mean(best)),
        "largest weight is shared": float(np.mean(ties)),
    }


def without_chip(run: RunConfig, point: FloatArray) -> float:
    """Score of the same rule and Θ in floating point, with greedy choice instead of the network."""
    theta = dict(zip(run.space.columns, run.space.decode(point[None]).values[0], strict=True))
    program = run.learner.program if isinstance(run.learner, ChipAgent) else None
    assert isinstance(program, TdLambda)
    value = 128 / VALUE_ONE / theta.get("reward_scale", 1.0)
    learner = TabularTd(largest_value=MAX_WEIGHT_U6 * value, rescale=True, search_trace_decay=True)
    space = learner.space(run.family.interface)
    values = {
        "gamma": theta["gamma"],
        "eta": theta["eta"],
        "initial_value": theta["initial_weight"] * value,
        "value_lower": theta["weight_lower"] * value,
        "value_upper": theta["weight_upper"] * value,
        "rescale_period": theta["rescale_period"],
        "trace_decay": theta.get("trace_decay", program.trace_decay),
    }
    parameters = Parameters(space, np.array([[values[name] for name in space.columns]]))
    grid = held_out(run, point, run.learner)
    tasks = grid.tasks()
    returns = learner.run_episodes(parameters, tasks, grid.seeds()).returns[0]
    return ratio(returns, tasks.references())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    arguments = parser.parse_args()
    found: dict[str, list[float]] = {name: [] for name in CONDITIONS}
    seen: dict[str, list[float]] = {}
    for folder in arguments.runs:
        opened = read_run(RunStore.open(folder))
        run = opened.config
        if not isinstance(run.learner, ChipAgent):
            raise SystemExit(f"{folder}: the learner must be chip, got {run.learner.kind}")
        point = deployed(opened)
        for name, changes in CONDITIONS.items():
            learner = changed(run.learner, changes)
            if learner.space(run.family.interface).columns != run.space.columns:
                continue
            found[name].append(score(run, point, learner))
        if isinstance(run.learner.program, TdLambda):
            found.setdefault("floating point, greedy choice", []).append(without_chip(run, point))
        for name, share in decisions(run, point).items():
            seen.setdefault(name, []).append(share)

    print(f"n = {len(arguments.runs)} searches, {N_TASKS} held-out tasks each")
    print()
    print("| condition | score of the learned Θ | minus as searched |")
    print("| --- | --- | --- |")
    base = found["as searched"]
    for name, scores in found.items():
        if scores:
            change = interval([a - b for a, b in zip(scores, base, strict=True)])
            print(f"| {name} | {interval(scores)} | {'' if name == 'as searched' else change} |")
    print()
    print("| decisions with the weights at the end of an episode | mean |")
    print("| --- | --- |")
    for name, shares in seen.items():
        print(f"| {name} | {interval(shares)} |")


if __name__ == "__main__":
    main()
