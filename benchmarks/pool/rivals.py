"""What it costs to hand work to a pool, and what the pool makes of a lost worker: ours and others.

Run ``python benchmarks/pool/rivals.py``; ``--rounds``, ``--only``, ``--skip`` and ``--json`` say
how. Every pool evaluates the same function on two workers. The overhead is what a generation takes
beyond half of what a plain loop takes, divided by its candidates. In each round every pool is
opened once, in a process of its own with nothing else beside it, so that a busy minute of the
machine meets all; the figures are medians over the generations of all rounds.

Whether a pool survives is tried: while a generation runs, the process that runs an episode is
killed (SIGKILL), or stopped so that it hangs (SIGSTOP), and what comes back is compared with what
an undisturbed generation gives. Pools run as they come, and once more with their own retries
switched on and a limit of ten seconds for a job, or whatever they have of these; speed is measured
with them on. Pools whose package is missing are left out; ``pip install spikeloop[benchmark]``
brings them.
"""

import argparse
import ctypes
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from rival_episode import JOB_TIMEOUT_S, N_WORKERS, WITNESS
from rival_stage import CASES, OPENERS

PATIENCE_S = 60.0
"""A pool that says nothing for so long after it lost a worker hangs."""

LIMIT_S = 600.0
"""Limit of all else that a process does."""

NEEDS = {"joblib": "joblib", "Dask": "distributed", "EvoTorch": "evotorch", "Ray Tune": "fsspec"}
"""The package that a pool needs beside ours, by what its name begins with."""

FAULTS = (("plain", signal.SIGKILL), ("careful", signal.SIGKILL), ("careful", signal.SIGSTOP))
"""With which settings a worker is done what."""


@contextmanager
def process(name: str, what: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A stage of its own, with a folder; no process that it started outlives it."""
    with tempfile.TemporaryDirectory(prefix="rivals-", ignore_cleanup_errors=True) as folder:
        witness = Path(folder, "witness")
        witness.mkdir()
        environment = os.environ | {
            "TMPDIR": folder,
            "RAY_TMPDIR": folder,
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # loopback only, as our own cluster
            "OMP_NUM_THREADS": "1",
        }
        if what != "speed":
            environment[WITNESS] = str(witness)
        call = "import sys, rival_stage; rival_stage.perform(*sys.argv[1:])"
        with (
            Path(folder, "log").open("wb") as log,
            subprocess.Popen(
                [sys.executable, "-c", call, name, what],
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                env=environment,
                cwd=Path(__file__).parent,
            ) as stage,
        ):
            try:
                yield stage, witness
            finally:
                end_children()


def end_children() -> None:
    """Ends all processes below this one: those without a parent have become its own.

    Resource trackers take named semaphores away once no process uses them, so they come last.
    """
    trackers = "resource_tracker"
    for spared in (trackers, None):
        children = psutil.Process().children(recursive=True)
        for child in children:
            with suppress(psutil.NoSuchProcess):
                if spared is None or not any(spared in word for word in child.cmdline()):
                    child.kill()
        psutil.wait_procs(children, 3)


def reports(stage: subprocess.Popen[bytes], limit_s: float) -> Iterator[dict[str, Any]]:
    """What a process reports until it ends, or until it has said nothing for so long."""
    assert stage.stdout is not None
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        if select.select([stage.stdout], [], [], 0.1)[0]:
            line = stage.stdout.readline()
            if not line:
                return
            yield json.loads(line)
            until = time.monotonic() + limit_s
        elif stage.poll() is not None:
            return


def speed(name: str) -> list[dict[str, Any]]:
    """Start-up time and wall times of one opening; incomplete if the pool broke."""
    with process(name, "speed") as (stage, _):
        return list(reports(stage, LIMIT_S))


def fault(name: str, what: str, number: int) -> str:
    """What a pool made of a signal to a worker in the middle of an episode, in words."""
    with process(name, what) as (stage, witness):
        for report in reports(stage, LIMIT_S):
            if report.get("begins"):
                break
        else:
            log = (witness.parent / "log").read_text(errors="replace").strip().splitlines()
            return f"did not start: {log[-1].strip()[:80] if log else 'no word why'}"
        time.sleep(0.5)  # by now some episodes are over
        strike(witness, number)
        struck = time.monotonic()
        outcome: Mapping[str, Any] = next(reports(stage, PATIENCE_S), {})
        after = f"after {time.monotonic() - struck:.1f} s"
        if not outcome:
            return f"hangs > {PATIENCE_S:.0f} s" if stage.poll() is None else f"ends {after}"
        if "raised" in outcome:
            return f"raises {outcome['raised']} {after}"
        n_lost = outcome["n_wanted"] - outcome["n_right"]
        return f"loses {n_lost} of {outcome['n_wanted']}" if n_lost else f"all right {after}"


def strike(witness: Path, number: int) -> None:
    """Sends a signal to a process that has just begun an episode of 50 ms."""
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        for path in witness.iterdir():
            if time.time() - path.stat().st_mtime < 0.01:
                os.kill(int(path.name), number)
                return
        time.sleep(0.001)
    raise TimeoutError("no worker began an episode")


def table(measured: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a table in Markdown."""
    heads = [f"{n_dim} numbers, {work_s * 1e3:g} ms" for n_dim, work_s in CASES]
    columns = ["pool", "start-up (s)", *heads, "killed, as it comes", "killed, retries on"]
    columns.append(f"stopped, limit {JOB_TIMEOUT_S:g} s")
    yield "| " + " | ".join(columns) + " |"
    yield "|" + " --- |" * len(columns)
    alone = measured.get("plain loop", {}).get("per_candidate_s", {})
    for name, of_pool in measured.items():
        cells = [f"{median(of_pool['start_s']):.1f}" if of_pool["start_s"] else "–"]
        for case in range(len(CASES)):
            walls_s = of_pool["per_candidate_s"].get(case, [])
            if not walls_s or not alone.get(case):
                cells.append("–")
            elif name == "plain loop":
                cells.append(f"*{median(walls_s) * 1e3:.3f}*")
            else:
                beyond_s = median(walls_s) - median(alone[case]) / N_WORKERS
                cells.append(f"{beyond_s * 1e3:.2f}")
        faults = [of_pool["faults"].get(f"{what} {number.name}", "–") for what, number in FAULTS]
        yield f"| {name} | " + " | ".join(cells + faults) + " |"


def versions() -> dict[str, str]:
    found = {"python": sys.version.split()[0]}
    for package in ("spikeloop", "ray", "evotorch", "torch", "joblib", "distributed"):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def main() -> None:
    """Measures, prints the table, and writes the figures if a file is named."""
    parser = argparse.ArgumentParser(description="dispatch overhead and faults beside other pools")
    parser.add_argument("--rounds", type=int, default=3, help="how often each pool is opened")
    parser.add_argument("--only", default="", help="pools whose name contains this")
    parser.add_argument("--skip", choices=["speed", "faults"], help="what to leave out")
    parser.add_argument("--json", type=Path, help="file for all wall times and outcomes")
    asked = parser.parse_args()
    # Orphans of a process become children of this one, and can be found and ended.
    ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # which also ends them
    chosen = [n for n in OPENERS if n == "plain loop" or asked.only.lower() in n.lower()]
    names = [
        name
        for name in chosen
        if all(find_spec(package) for start, package in NEEDS.items() if name.startswith(start))
    ]
    print("left out, not installed:", ", ".join(sorted(set(chosen) - set(names))) or "none")
    measured: dict[str, Any] = {
        name: {"start_s": [], "per_candidate_s": {}, "faults": {}} for name in names
    }
    for number in range(0 if asked.skip == "speed" else asked.rounds):
        for name in names:
            print(f"round {number + 1}: {name}", file=sys.stderr, flush=True)
            for report in speed(name):
                if "start_s" in report:
                    measured[name]["start_s"].append(report["start_s"])
                else:
                    of_case = measured[name]["per_candidate_s"].setdefault(report["case"], [])
                    of_case += [wall / report["n_candidates"] for wall in report["walls_s"]]
            write(measured, asked.json)
    for name in [] if asked.skip == "faults" else names[1:]:
        for what, kind in FAULTS:
            outcome = fault(name, what, kind)
            print(f"{kind.name} {what}: {name}: {outcome}", file=sys.stderr, flush=True)
            measured[name]["faults"][f"{what} {kind.name}"] = outcome
            write(measured, asked.json)
    print(", ".join(f"{package} {number}" for package, number in versions().items()), "\n")
    print("\n".join(table(measured)))


def write(measured: Mapping[str, Any], path: Path | None) -> None:
    if path is not None:
        cases = [{"n_dim": n_dim, "work_s": work_s} for n_dim, work_s in CASES]
        known = {"versions": versions(), "cases": cases, "pools": measured}
        path.write_text(json.dumps(known, indent=1))


if __name__ == "__main__":
    main()
