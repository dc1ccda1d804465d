"""A sweep of twelve small runs against the same runs one after another, on the same two workers.

Run ``python benchmarks/pool/sweep.py``. Each generation is one job, fewer than there are workers,
so a run alone leaves a worker idle. Both ways use one pool that is open already, so the start of
Ray and compilation count for neither, and take turns; the least time of each counts. The numbers of
all runs must be the same. With ``--sleeping`` episodes sleep instead of running on the chip, which
measures the order of the work alone, on a machine that is busy with something else.
"""

import shutil
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from spikeloop.cluster.pool import SharablePool
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.search import run_session
from spikeloop.coordinator.search.worker_pool import open_shared_workers
from spikeloop.coordinator.store.atomic_files import make_folder
from spikeloop.coordinator.store.schemas import VOLATILE
from spikeloop.coordinator.sweep.side_by_side import run_side_by_side
from spikeloop.coordinator.sweep.sweep_config import SweepConfig, parse
from spikeloop.workers.garbage_collection import RARELY, frozen

TABLES: dict[str, Any] = {
    "run": {"generations": 10, "tasks": 5, "tile_candidates": 4},
    "family": {"kind": "random_mdp"},
    "learner": {"kind": "chip"},
    "strategy": {"kind": "evolution", "population_size": 4},
    "target": {"kind": "local", "workers": 2, "dashboard": False},
    "transfer": {"tasks": 20, "random_points": 2, "random_tasks": 10, "monitor_every": 0},
}
SLEEPING = {"kind": "scale_search:Sleeping", "episode_s": 0.01}
SCALE = Path(__file__).parents[1] / "scale"
SWEEP = {"name": "benchmark", "over": {"strategy.sigma": [0.1, 0.2, 0.4]}, "seeds": 4}
N_TIMES = 3


class Silent:
    """A reporter that says nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


def one_after_another(config: SweepConfig, folder: Path, pool: SharablePool) -> None:
    """Runs as the command ``run`` does, each alone on the pool."""
    reporter: Any = Silent()
    for planned in config.runs():
        run_session.start(
            planned.config,
            folder / planned.path,
            reporter,
            pool.stop,
            workers=lambda *_: nullcontext(pool),
        )


def side_by_side(config: SweepConfig, folder: Path, pool: SharablePool) -> None:
    """Runs as the command ``sweep`` does."""
    reporter: Any = Silent()
    run_side_by_side(config.runs(), folder, pool, reporter, lambda planned, row: None)


def numbers(folder: Path) -> list[Any]:
    """All committed rows of all runs, without the columns that may differ."""
    tables = []
    for path in sorted(folder.glob("runs/*/*/*/part-*.parquet")):
        table = pq.read_table(path)
        kept = [name for name in table.column_names if name not in VOLATILE]
        tables.append((path.relative_to(folder), table.select(kept).to_pydict()))
    return tables


def main() -> int:
    learner = SLEEPING if "--sleeping" in sys.argv else TABLES["learner"]
    config = parse({**TABLES, "learner": learner}, SWEEP, "benchmark", SCALE)
    n_runs = len(config.settings) * len(config.seeds)
    took: dict[str, list[float]] = {"one after another": [], "side by side": []}
    found: list[Any] = []
    with (
        open_shared_workers([config.first], StopSignal(), Silent(), "benchmark") as pool,
        frozen(RARELY),
    ):
        for _ in range(N_TIMES):
            for name, way in zip(took, (one_after_another, side_by_side), strict=True):
                folder = Path(tempfile.mkdtemp())
                for planned in config.runs():
                    make_folder((folder / planned.path).parent)
                started = time.perf_counter()
                way(config, folder, pool)
                took[name].append(time.perf_counter() - started)
                found.append(numbers(folder))
                shutil.rmtree(folder)
    for name, times in took.items():
        print(f"{n_runs} runs {name:18} {min(times):6.2f} s  (all: {[round(t, 2) for t in times]})")
    alone, together = (min(times) for times in took.values())
    same = all(one == found[0] for one in found[1:]) and len(found[0]) > n_runs
    print(f"ratio {alone / together:.2f}, numbers {'identical' if same else 'DIFFERENT'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
