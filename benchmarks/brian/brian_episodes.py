"""Episodes per second of Brian2 networks: many side by side, against one network for each episode.

Run ``python benchmarks/brian/brian_episodes.py`` (``--markdown FILE`` keeps the tables) on an
otherwise idle machine; it takes about a quarter of an hour. Three kinds of episodes:

- MDP: ``brian_td`` in 6 states and 4 actions, 50 decisions of 20 ms in steps of 0.1 ms;
- bandit: ``brian_recurrent`` with 48 neurons, wired with a chance of 0.2, 100 pulls of 20 ms in
  steps of 1 ms;
- driven: the same network under input that is known beforehand, 100 windows of 10 ms.

Ways to run them:

- by hand: one Brian2 network for each episode, built and run anew, as a user would write it
  (``brian_by_hand.py``), alone and in as many processes as there are cores;
- rounds: episodes in one group, ``store()`` and ``restore()`` between rounds, input from a
  ``TimedArray``: what brian2modelfitting does, which can only do episodes that need no decisions;
- Spikeloop: a tile of so many episodes, on each target.

Each row runs in a process of its own and is timed after one tile (or episode) that imports, builds
and compiles; what that took is in the column "first". The ratio is to by-hand episodes on one core
in the same run: on the same target, and for programs (cpp_standalone) on numpy. Memory is what a
process of that many episodes, and the child process of a program, have more at their peak than
those of one episode, per episode.
"""

import argparse
import json
import multiprocessing
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from brian_by_hand import bandit_episode, driven_episode, driven_episodes, mdp_episode

from spikeloop.coordinator.store.manifest import processor
from spikeloop.tasks.bandit import Bandit
from spikeloop.tasks.base import TaskFamily
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.base import Learner
from spikeloop.workers.brian.open_loop import open_loop
from spikeloop.workers.brian.targets import OpenLoopTarget
from spikeloop.workers.learners.brian_td import BrianTd
from spikeloop.workers.learners.reservoir.brian_recurrent import BrianRecurrent
from spikeloop.workers.learners.reservoir.network import Reservoir

MDP = RandomMdp(n_states=6, n_actions=4, n_steps=50)
BANDIT = Bandit(n_arms=2, n_steps=100)
N_NEURONS, N_WINDOWS, WINDOW_STEPS = 48, 100, 10
EPISODES = (1, 10, 50, 100, 200)
LEAST_S = 2.0
"""Repetitions go on until they have taken this long."""


def drives(n_episodes: int) -> np.ndarray:
    """(n_windows, n_episodes, n_neurons) currents."""
    return np.random.default_rng(0).uniform(0, 2.5, (N_WINDOWS, n_episodes, N_NEURONS))


def by_hand(kind: str, target: str) -> Callable[[int], object]:
    """One episode, by its seed."""
    rng = np.random.default_rng(0)
    if kind == "MDP":
        tasks = MDP.sample(1, rng)
        return lambda seed: mdp_episode(tasks, seed, 20.0, target)
    if kind == "bandit":
        mean = rng.random(2)
        return lambda seed: bandit_episode(mean, BANDIT.n_steps, seed, N_NEURONS, target)
    drive = drives(1)[:, 0]
    return lambda seed: driven_episode(drive, seed, target)


def tile(kind: str, target: OpenLoopTarget, n_episodes: int) -> Callable[[], object]:
    """All episodes of a tile, on tasks of their own."""
    rng = np.random.default_rng(0)
    seeds = rng.integers(0, 2**64, (1, n_episodes), dtype=np.uint64)
    if kind == "driven":
        reservoir = Reservoir(n_neurons=N_NEURONS)
        circuit = reservoir.circuit()
        blueprint = reservoir.blueprint(circuit, 1, WINDOW_STEPS)
        weights = np.broadcast_to(circuit.weights, (n_episodes, circuit.pre.size))
        values = {
            ("recurrent", "w"): weights.copy(),
            ("neurons", "leak"): np.full((n_episodes, N_NEURONS), 50.0),
            ("neurons", "fade"): np.full((n_episodes, N_NEURONS), 2.0),
            ("neurons", "forget"): np.full((n_episodes, N_NEURONS), 0.05),
            ("neurons", "rise"): np.tile(0.2 * circuit.adaptive, (n_episodes, 1)),
        }
        drive = {("neurons", "drive"): drives(n_episodes)}
        read = [("neurons", "spike_sum")]
        return lambda: open_loop(
            blueprint, seeds[0], values, drive, WINDOW_STEPS, read, target=target
        )
    assert target != "cpp_standalone"
    learner: Learner = BrianTd(window_ms=20, onset_ms=1, target=target)
    family: TaskFamily = MDP
    if kind == "bandit":
        learner, family = (
            BrianRecurrent(reservoir=Reservoir(n_neurons=N_NEURONS), target=target),
            BANDIT,
        )
    space = learner.space(family.interface)
    parameters, tasks = space.decode(space.default_point()[None]), family.sample(n_episodes, rng)
    return lambda: learner.run_episodes(parameters, tasks, seeds)


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the first call and, on average, of those that follow."""
    started = time.perf_counter()
    call()
    first_s, n, started = time.perf_counter() - started, 0, time.perf_counter()
    while (spent_s := time.perf_counter() - started) < LEAST_S or n == 0:
        call()
        n += 1
    return first_s, spent_s / n


def in_processes(kind: str, target: str, n_processes: int) -> tuple[float, float]:
    """Seconds of the first and of the following rounds of 4 episodes in each process."""
    context = multiprocessing.get_context("fork")
    seeds = range(4 * n_processes)
    with context.Pool(n_processes, initializer=_prepare, initargs=(kind, target)) as pool:
        return timed(lambda: pool.map(_live, seeds, chunksize=1))


def _prepare(kind: str, target: str) -> None:
    global _EPISODE
    _EPISODE = by_hand(kind, target)


def _live(seed: int) -> None:
    _EPISODE(seed)


_EPISODE: Callable[[int], object]


def measure(way: str, kind: str, target: str, n_episodes: int) -> dict[str, float]:
    """One row's seconds of the first and of later calls, episodes a call, and peak memory."""
    if way == "processes":
        first_s, next_s = in_processes(kind, target, n_episodes)
        n_episodes *= 4
    elif way == "by hand":
        episode, seeds = by_hand(kind, target), iter(range(10**9))
        first_s, next_s = timed(lambda: episode(next(seeds)))
    elif way == "rounds":
        first_s, *more = driven_episodes(drives(n_episodes), 0, target, rounds=4)
        next_s = float(np.mean(more))
    else:
        first_s, next_s = timed(tile(kind, target, n_episodes))  # type: ignore[arg-type]
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    program = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    peak = (own + (program if target == "cpp_standalone" else 0)) * 1024
    return {"first_s": first_s, "next_s": next_s, "n_episodes": n_episodes, "peak": peak}


def row(*arguments: object) -> dict[str, float]:
    """``measure`` in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--row", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def table(kind: str, targets: tuple[str, ...]) -> Iterator[str]:
    """One kind of episodes."""
    yield f"### {kind}"
    yield ""
    yield "| way | target | at once | first (s) | episodes / s | × by hand | memory an episode |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    n_cores = os.cpu_count() or 1
    for target in targets:
        hand = "numpy" if target == "cpp_standalone" else target
        alone = row("by hand", kind, hand, 1)
        hand_rate = 1 / alone["next_s"]
        if hand == target:
            yield line("by hand", target, 1, alone, hand_rate)
            several = row("processes", kind, target, n_cores)
            yield line(f"by hand, {n_cores} processes", target, n_cores, several, hand_rate)
            if kind == "driven":
                found = row("rounds", kind, target, 100)
                yield line("rounds", target, 100, found, hand_rate)
        row("tile", kind, target, 1)  # compiles, so that no peak of memory is the compiler's
        base = 0.0
        for n in EPISODES:
            found = row("tile", kind, target, n)
            base = base or found["peak"]
            memory = f"{(found['peak'] - base) / (n - 1) / 1024:.0f} KiB" if n >= 50 else ""
            yield line("**Spikeloop**", target, n, found, hand_rate, memory)
    yield ""


def line(
    way: str, target: str, n: int, found: dict[str, float], hand_rate: float, memory: str = ""
) -> str:
    rate = found["n_episodes"] / found["next_s"]
    return (
        f"| {way} | {target} | {n} | {found['first_s']:.1f} | {rate:,.3g} "
        f"| {rate / hand_rate:.3g} | {memory} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--kinds", nargs="*", default=["MDP", "bandit", "driven"])
    parser.add_argument("--targets", nargs="*", default=["numpy", "cython", "cpp_standalone"])
    parser.add_argument("--markdown", type=Path, help="file that the tables are added to")
    arguments = parser.parse_args()
    if arguments.row:
        way, kind, target, n_episodes = arguments.row
        print(json.dumps(measure(way, kind, target, int(n_episodes))))
        return
    lines = [f"{processor()}, {os.cpu_count()} cores; Python {platform.python_version()}", ""]
    print(*lines, sep="\n")
    for kind in arguments.kinds:
        targets = [t for t in arguments.targets if kind == "driven" or t != "cpp_standalone"]
        for text in table(kind, (*targets,)):
            print(text, flush=True)
            lines.append(text)
    if arguments.markdown:
        arguments.markdown.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
