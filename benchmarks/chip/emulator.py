"""How fast the chip emulator is, against the chip itself.

Run ``python benchmarks/chip/emulator.py``; it takes some seconds on one core. An episode is 2000
decisions in a random MDP of 6 states and 8 actions, with mismatch and plasticity on; the chip needs
53 µs for a decision. Every figure is the best of several episodes, since other
programs on the machine only ever make them slower. Without noise the emulator runs the same
instructions, noise having width 0, so noise costs nothing but the spikes that it causes. Compile
times come from fresh processes, with an empty cache on disk and with a filled one, and include
loading numba.

``--against FOLDER`` compares this checkout with another one of the repository instead: a process of
each runs the same episodes in turn, so that whatever else the machine does meets both.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from spikeloop.coordinator.store.manifest import processor
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.chip.circuit import Circuit
from spikeloop.workers.chip.core import cycles_to_steps
from spikeloop.workers.chip.limits import DECISION_CYCLES, PPU_HZ
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.space import Parameters

DECISION_S = DECISION_CYCLES / PPU_HZ
N_DECISIONS = 2000
# Learns well, so its episodes are typical of those that an outer loop spends its time on.
THETA = [0.03, 0.5, 20.0, 60.0, 55.0, 2000.0, 50.0]

FIRST_EPISODE = """
import time
import numpy as np
from spikeloop.coordinator.store.manifest import processor
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.learners.chip.agent import ChipAgent
family, learner = RandomMdp(n_steps=1), ChipAgent()
space, tasks = learner.space(family.interface), family.sample(1, np.random.default_rng(0))
parameters = space.decode(space.default_point()[None])
started = time.perf_counter()
learner.run_episodes(parameters, tasks, np.zeros((1, 1), dtype=np.uint64))
print(time.perf_counter() - started)
"""


def episode_s(learner: ChipAgent, n_repeats: int) -> float:
    """Best wall time of one episode."""
    family = RandomMdp(n_steps=N_DECISIONS)
    parameters = Parameters(learner.space(family.interface), np.array([THETA]))
    tasks = family.sample(1, np.random.default_rng(0))
    times = []
    for seed in range(n_repeats + 1):
        started = time.perf_counter()
        learner.run_episodes(parameters, tasks, np.full((1, 1), seed, dtype=np.uint64))
        times.append(time.perf_counter() - started)
    return min(times[1:])  # the first may have compiled


def episodes_s(n_episodes: int) -> float:
    """Wall time of so many episodes, one after the other, in a process that has compiled before."""
    family = RandomMdp(n_steps=N_DECISIONS)
    learner = ChipAgent()
    parameters = Parameters(learner.space(family.interface), np.array([THETA]))
    tasks = family.sample(n_episodes, np.random.default_rng(0))
    started = time.perf_counter()
    learner.run_episodes(parameters, tasks, np.zeros((1, n_episodes), dtype=np.uint64))
    return time.perf_counter() - started


def two_processes(n_rounds: int = 15, n_episodes: int = 20) -> float:
    """Episodes/s of two processes over those of one: the median of rounds of both in turn."""
    ratios = []
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        list(pool.map(episodes_s, [1, 1, 1, 1]))
        for _ in range(n_rounds):
            alone = pool.submit(episodes_s, n_episodes).result()
            together = list(pool.map(episodes_s, [n_episodes, n_episodes]))
            ratios.append(2 * alone / max(together))
    return float(np.median(ratios))


def compile_s() -> tuple[float, float]:
    """Seconds to the end of a first episode of one step: without and with a cache on disk."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        cold, warm = (
            float(
                subprocess.run(
                    [sys.executable, "-c", FIRST_EPISODE],
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout
            )
            for _ in range(2)
        )
    return cold, warm


def serve() -> None:
    """Run one episode for each seed on standard input; print its seconds and its return."""
    family, learner = RandomMdp(n_steps=N_DECISIONS), ChipAgent()
    parameters = Parameters(learner.space(family.interface), np.array([THETA]))
    tasks = family.sample(1, np.random.default_rng(0))
    for line in sys.stdin:
        seeds = np.full((1, 1), int(line), dtype=np.uint64)
        started = time.perf_counter()
        returns = learner.run_episodes(parameters, tasks, seeds).returns
        print(time.perf_counter() - started, returns[0, 0], flush=True)


def compare(other: Path, n_repeats: int) -> None:
    """Print how fast this checkout and another one run the same episodes, in turn."""
    checkouts = [Path(__file__).parents[2], other.resolve()]
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, "--serve"],
            env={**os.environ, "PYTHONPATH": str(checkout)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for checkout in checkouts
    ]
    times = np.empty((n_repeats + 1, 2))
    returns = np.empty((n_repeats + 1, 2))
    for seed in range(n_repeats + 1):
        for i, process in enumerate(processes):
            print(seed, file=process.stdin, flush=True)
            assert process.stdout is not None
            times[seed, i], returns[seed, i] = map(float, process.stdout.readline().split())
    for process in processes:
        process.communicate()
    best = times[1:].min(axis=0)  # the first may have compiled
    print("| checkout | episode (ms) | × chip |")
    print("| --- | --- | --- |")
    for checkout, wall_s in zip(checkouts, best, strict=True):
        print(f"| {checkout} | {wall_s * 1e3:.2f} | {N_DECISIONS * DECISION_S / wall_s:.1f} |")
    print()
    same = (returns[:, 0] == returns[:, 1]).sum()
    print(f"{best[1] / best[0]:.2f} times as fast; returns equal in {same} of {len(returns)}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20, help="episodes per line of the table")
    parser.add_argument("--against", type=Path, help="another checkout of the repository")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    repeats = chosen.repeats
    if chosen.serve:
        serve()
        return
    if chosen.against:
        compare(chosen.against, repeats)
        return

    print(f"{processor()}, {os.cpu_count()} cores, one used; Python {platform.python_version()}")
    print()
    print("| step (µs) | noise | strides | episode (ms) | ns / step | × chip |")
    print("| --- | --- | --- | --- | --- | --- |")
    for step_s, noise_V, strides in (
        (1e-7, 0.02, True),
        (1e-7, 0.02, False),
        (1e-7, 0.0, True),
        (2e-7, 0.02, True),
    ):
        circuit = Circuit(step_s=step_s, noise_V=noise_V, strides=strides)
        wall_s = episode_s(ChipAgent(circuit=circuit), repeats)
        step_ns = 1e9 * wall_s / N_DECISIONS / cycles_to_steps(DECISION_CYCLES, step_s)
        print(
            f"| {step_s * 1e6:.1f} | {'on' if noise_V else 'off'} | {'on' if strides else 'off'} "
            f"| {wall_s * 1e3:.1f} | {step_ns:.1f} | {N_DECISIONS * DECISION_S / wall_s:.1f} |"
        )
    print()
    print(f"Two processes run {two_processes():.2f} times as many episodes as one.")
    cold, warm = compile_s()
    print()
    print(f"First episode of a process: {cold:.1f} s compiling, {warm:.2f} s from the cache.")


if __name__ == "__main__":
    main()
