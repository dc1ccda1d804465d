"""Plays many schedules, or one with all its events: ``python tests/simulation/run.py --help``."""

import argparse
import os
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from simulation.bugs import BUGS, first_seed
from simulation.play import Tally, play
from simulation.schedule import Fault


def main() -> int:
    """Prints what happened; 1 if a promise was broken or a planted bug was not found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000, help="how many schedules")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--replay", type=int, help="plays this seed alone, with all its events")
    parser.add_argument("--bugs", action="store_true", help="finds the planted bugs instead")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    given = parser.parse_args()
    if given.replay is not None:
        print(play(given.replay, print))
        return 0
    if given.bugs:
        return _find_bugs(given.seeds)
    return _play_all(range(given.first, given.first + given.seeds), given.processes)


def _find_bugs(n_seeds: int) -> int:
    missed = 0
    for name in BUGS:
        found = first_seed(name, n_seeds)
        missed += found is None
        seed, error = found if found is not None else ("-", f"not within {n_seeds} seeds")
        print(f"{name:28} {seed:>5}  {str(error)[:100]}", flush=True)
    return int(missed > 0)


def _play_all(seeds: range, n_processes: int) -> int:
    began = time.perf_counter()
    numbers: Counter[str] = Counter()
    happened: Counter[Fault] = Counter()
    endings: Counter[str] = Counter()
    broken, cpu_s = 0, 0.0
    with ProcessPoolExecutor(n_processes) as processes:
        played = processes.map(_try, seeds, chunksize=20)
        for seed, (tally, error, used_s) in zip(seeds, played, strict=True):
            cpu_s += used_s
            if tally is None:
                broken += 1
                replay = f"python {sys.argv[0]} --replay {seed}"
                print(f"seed {seed}: {error[:300]}\n  {replay}", flush=True)
                continue
            happened += tally.happened
            endings[tally.ended_by or "came to its end"] += 1
            numbers.update({k: v for k, v in asdict(tally).items() if isinstance(v, int | float)})
    took_s = time.perf_counter() - began
    print(
        f"{len(seeds)} schedules in {took_s:.0f} s, {len(seeds) / took_s:.0f} a second, "
        f"{len(seeds) / cpu_s:.0f} a second of processor time"
    )
    counted = Counter({fault.value: happened[fault] for fault in Fault})
    for title, counter in (("in all", numbers), ("endings", endings), ("what happened", counted)):
        print(title)
        for name, number in counter.most_common():
            print(f"  {number:9.0f}  {name.replace('_', ' ')}")
    print(f"{broken} schedules broke a promise")
    return int(broken > 0)


def _try(seed: int) -> tuple[Tally | None, str, float]:
    began = time.process_time()
    try:
        return play(seed), "", time.process_time() - began
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(where.filename).name}:{where.lineno}"
        used_s = time.process_time() - began
        return None, f"{type(error).__name__}: {error} ({place})", used_s


if __name__ == "__main__":
    sys.exit(main())
