"""Whether a long run grows: 10,000 generations of a tiny job on two Ray workers.

Run ``python benchmarks/pool/soak.py [--generations N] [--json FILE]``. Every hundredth generation
the memory of the coordinator and of each worker, the coordinator's open files and threads, and the
number of Ray's processes are noted. The slope is the median of the slopes between all pairs of
points after the first tenth (Theil and Sen), which a short peak does not bend; its 95 % interval
takes the points for independent, so it is too narrow. Memory is what the kernel calls private
(USS): shared pages do not count.
"""

import argparse
import json
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from scipy.stats import theilslopes

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.search.loop import search
from spikeloop.coordinator.search.reporter import GenerationReport
from spikeloop.coordinator.search.worker_pool import warm_up_job
from spikeloop.coordinator.store import manifest
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.coordinator.store.run_store import RunStore

EVERY = 100

TABLES: dict[str, dict[str, Any]] = {
    "run": {"name": "soak", "seed": 1, "tasks": 1, "tile_candidates": 2, "tile_tasks": 1},
    "family": {"kind": "random_mdp", "n_states": 2, "n_actions": 2, "n_steps": 20},
    "learner": {"kind": "tabular_td"},
    "strategy": {"kind": "evolution", "population_size": 4},
    "target": {"kind": "local", "workers": 2, "dashboard": False},
    "transfer": {"tasks": 2, "monitor_every": 1000, "monitor_tasks": 4},
}


@dataclass
class Watch:
    """Notes what the processes hold, as a reporter of the search.

    Attributes:
        points: one row a note: generation, then KiB of the coordinator and of the workers
            together, open files, threads and child processes of the coordinator.
    """

    points: list[tuple[float, ...]] = field(default_factory=list)
    me: psutil.Process = field(default_factory=psutil.Process)

    def started(self, what: str, n_episodes: int) -> None:
        """Nothing to note."""

    def episodes_done(self, n_episodes: int) -> None:
        """Nothing to note."""

    def generation(self, report: GenerationReport) -> None:
        if report.generation % EVERY:
            return
        children = self.me.children(recursive=True)
        workers = [p for p in children if " ".join(p.cmdline()).startswith("ray::EpisodeWorker")]
        self.points.append(
            (
                report.generation,
                private_kib(self.me),
                sum(private_kib(worker) for worker in workers),
                self.me.num_fds(),
                self.me.num_threads(),
                len(children),
            )
        )


def private_kib(process: psutil.Process) -> float:
    """Memory that would be free if the process ended, in KiB."""
    return float(process.memory_full_info().uss) / 1024


def slope(x: NDArray[Any], y: NDArray[Any]) -> tuple[float, float, float]:
    """Change of y per 1,000 of x, and its 95 % interval, by Theil and Sen's median of slopes."""
    found = theilslopes(y, x)
    return found.slope * 1000, found.low_slope * 1000, found.high_slope * 1000


def main() -> None:
    """Runs the search and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generations", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    tables = {**TABLES, "run": {**TABLES["run"], "generations": options.generations}}
    config = parse(tables, "soak", Path.cwd())
    watch, stop = Watch(), StopSignal()
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore.create(Path(folder) / "soak", manifest.describe(config))
        with config.target.open([warm_up_job(config)], stop, None) as pool:
            started = time.perf_counter()
            search(RunFolder(config, store), pool, watch)
            wall_s = time.perf_counter() - started
    points = np.array(watch.points)
    late = points[points[:, 0] > options.generations / 10]
    print(f"{options.generations} generations, {wall_s / options.generations * 1e3:.1f} ms each\n")
    print("                              first        last   per 1,000 generations [95 %]")
    names = ("coordinator, KiB", "workers, KiB", "open files", "threads", "child processes")
    table = {}
    for column, name in enumerate(names, start=1):
        change, low, high = slope(late[:, 0], late[:, column])
        table[name] = [late[0, column], late[-1, column], change, low, high]
        print(
            f"{name:20s} {late[0, column]:14.0f} {late[-1, column]:11.0f}   "
            f"{change:+8.2f} [{low:+.2f}, {high:+.2f}]"
        )
    if options.json:
        options.json.write_text(json.dumps({"points": points.tolist(), "table": table}))


if __name__ == "__main__":
    main()
