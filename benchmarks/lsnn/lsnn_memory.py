"""Peak memory of a gradient through a whole episode, against its length and ``checkpoint``.

Run ``python benchmarks/lsnn/lsnn_memory.py``; it takes some minutes, needs Linux with glibc, and up
to 3 GiB of memory for the longest episode. The learner ``lsnn`` with 200 neurons episodes 10
episodes side by side; a decision is one sample of a quadratic function, 10 time steps. Without
``checkpoint`` all that the time steps computed is kept for the way back; with it only the beginning
of every so many decisions, which are then run again. The seconds in a cell show what that costs.

Memory is the peak of the resident size while one gradient is computed, less the resident size just
before: what the process really needed. Each cell comes from a process of its own in which the same
gradient was computed once before, since compiling takes some 100 MiB that have nothing to do with
the episode; what that left behind is given back (``malloc_trim``) and the kernel's peak is set back
(``/proc/self/clear_refs``) in between. It agrees with the compiler's own account of its buffers
(``memory_analysis`` of a compiled program) to about 3 MiB.
"""

import argparse
import ctypes
import gc
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

from spikeloop.coordinator.store.manifest import processor
from spikeloop.tasks.quadratic import Quadratic
from spikeloop.workers.learners.lsnn.learner import Lsnn


def resident_kib(name: str) -> int:
    """``VmRSS``, the resident size of this process, or ``VmHWM``, its peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise OSError(f"/proc/self/status says nothing about {name}")


def set_back_peak() -> None:
    """Gives back memory that is not used, and makes the present size the peak."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")


def measure(n_decisions: int, checkpoint: int, n_episodes: int) -> dict[str, float]:
    """MiB and seconds of one gradient."""
    learner, family = Lsnn(checkpoint=checkpoint), Quadratic(n_steps=n_decisions)
    space, rng = learner.space(family.interface), np.random.default_rng(0)
    parameters, tasks = space.decode(space.sample(1, rng)), family.sample(n_episodes, rng)
    seeds = rng.integers(0, 2**64, (1, n_episodes), dtype=np.uint64)
    learner.differentiate(parameters, tasks, seeds, 0.0)
    set_back_peak()
    before, started = resident_kib("VmRSS"), time.perf_counter()
    learner.differentiate(parameters, tasks, seeds, 0.0)
    spent_s = time.perf_counter() - started
    return {"mib": (resident_kib("VmHWM") - before) / 1024, "s": spent_s}


def cell(*arguments: int) -> str:
    """``measure`` in a process of its own, in words."""
    done = subprocess.run(
        [sys.executable, __file__, "--cell", *map(str, arguments)], capture_output=True, text=True
    )
    if done.returncode:  # as where there is too little memory
        print(done.stderr, file=sys.stderr)
        return f"ended with {done.returncode}"
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return f"{found['mib']:.0f} MiB, {found['s']:.2g} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cell", nargs=3, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--decisions", nargs="+", type=int, default=[40, 400, 4000])
    parser.add_argument("--checkpoints", nargs="+", type=int, default=[0, 1, 10])
    parser.add_argument("--episodes", type=int, default=10, help="side by side")
    asked = parser.parse_args()
    if asked.cell:
        print(json.dumps(measure(*asked.cell)))
        return
    print(f"{processor()}, {os.cpu_count()} cores; Python {platform.python_version()}", end=", ")
    print(f"jax {version('jax')}; {asked.episodes} episodes, 10 time steps a decision\n")
    print("| checkpoint | " + " | ".join(f"{n} decisions" for n in asked.decisions) + " |")
    print("|" + " --- |" * (1 + len(asked.decisions)))
    for checkpoint in asked.checkpoints:
        print(f"| {checkpoint or 'none'} |", end="", flush=True)
        for n_decisions in asked.decisions:
            print(f" {cell(n_decisions, checkpoint, asked.episodes)} |", end="", flush=True)
        print()


if __name__ == "__main__":
    main()
