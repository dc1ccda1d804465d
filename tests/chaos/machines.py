"""Runs on a cluster of several machines, which are cut off, lost, replaced and drained."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from chaos import report
from chaos.aftermath import aftermath, keep
from chaos.namespaces import Cluster
from chaos.plan import Strike
from chaos.runner import Play
from chaos.sandbox import Sandbox
from chaos.scenes import JOB_TIMEOUT_S, LONG, MAX_ATTEMPTS
from spikeloop.coordinator.store.run_store import RunStore

SHORT_S, LONG_S = 5.0, 40.0
NOTICE_S = 20
"""What a drained node says it has left."""

WORDS = {
    "short_cut": f"link of a node down, {SHORT_S:g} s",
    "long_cut": f"link of a node down, {LONG_S:g} s",
    "replaced": "a node killed for good, another one joins",
    "drained": f"a node drained with {NOTICE_S} s notice, another one joins",
}

PLANS = (
    (Strike("short_cut", 1, 0.3), Strike("short_cut", 5, 0.6)),
    (Strike("long_cut", 2, 0.4),),
    (Strike("replaced", 2, 0.5),),
    (Strike("drained", 2, 0.2),),
)
"""A fresh cluster for each."""

Action = Callable[[psutil.Process], bool]


def actions(
    cluster: Cluster, joined: list[str], busy: list[threading.Timer]
) -> Mapping[str, Action]:
    """What befalls the machines of a cluster, by the names of ``WORDS``.

    Args:
        cluster: the machines.
        joined: gets the names of those that were added.
        busy: gets what goes on after a fault: cables plugged in again, nodes that join.
    """

    def later(seconds: float, function: Callable[..., object], *arguments: object) -> None:
        busy.append(threading.Timer(seconds, function, arguments))
        busy[-1].start()

    def cut(seconds: float) -> bool:
        cluster.cut("w1")
        later(seconds, cluster.mend, "w1")
        return True

    def join() -> bool:
        joined.append("w3")
        later(0.0, cluster.add, "w3")
        return True

    def replace(coordinator: psutil.Process) -> bool:
        cluster.nodes["w1"].kill()
        return join()

    def drain(coordinator: psutil.Process) -> bool:
        cluster.drain("w1", NOTICE_S)
        later(NOTICE_S, cluster.nodes["w1"].kill)
        return join()

    return {
        "short_cut": lambda _: cut(SHORT_S),
        "long_cut": lambda _: cut(LONG_S),
        "replaced": replace,
        "drained": drain,
    }


def disturb(root: Path, generation_s: Mapping[str, Any], kept: Path | None) -> list[report.Result]:
    """Plays all plans, prints the tables.

    Args:
        root: holds the undisturbed run.
        generation_s: seconds of its generations, by scene.
        kept: folder for what failing runs left, or None.
    """
    results = []
    for number, strikes in enumerate(PLANS):
        results.append(_one(number, strikes, root, kept))
        print(f"cluster {report.line(results[-1])}", flush=True)
    print(report.markdown(results, WORDS, generation_s), flush=True)
    return results


def _one(number: int, strikes: tuple[Strike, ...], root: Path, kept: Path | None) -> report.Result:
    cluster = Cluster(root / f"c{number}")
    problems: list[str] = []
    with cluster:
        for name in ("w1", "w2"):
            cluster.add(name)
        joined: list[str] = []
        busy: list[threading.Timer] = []
        target = {
            "kind": "ray",
            "address": cluster.address,
            "job_timeout_s": JOB_TIMEOUT_S,
            "max_attempts": MAX_ATTEMPTS,
        }
        sandbox = Sandbox(root / f"n{number}", limited=False, prefix=cluster.head.prefix())
        sandbox.environment |= cluster.environment
        with sandbox:
            config = LONG.write(sandbox.folder / "scene", target)
            faults = actions(cluster, joined, busy)
            play = Play(config, strikes, faults, sandbox, LONG.last)
            play.run()
            for timer in busy:
                timer.join()
            rng = np.random.default_rng(number)
            problems += aftermath(play, sandbox, root / LONG.name, rng)
            places = places_of(play.folder)
            episodes_done = "; ".join(f"{name} in {_stretches(g)}" for name, g in places.items())
            print(f"  ran on {episodes_done}", flush=True)
            problems += [
                f"machine {name}: {'unknown' if name in places else 'not used'}"
                for name in places.keys() ^ {"w1", "w2", *joined}
            ]
            if problems and kept:
                keep(sandbox, kept / f"cluster-run-{number}")
            result = report.result(number, play, problems)
    result.problems += [f"left behind: {what}" for what in cluster.litter()]
    return result


def places_of(folder: Path) -> dict[str, list[int]]:
    """The generations of which episodes were run on each machine."""
    table = RunStore(folder).table("episodes")
    places: dict[str, set[int]] = {}
    if table is not None:
        columns = table["worker"].to_pylist(), table["generation"].to_pylist()
        for workers, generation in zip(*columns, strict=True):
            for worker in workers.split(", "):
                places.setdefault(worker.partition(":")[0], set()).add(generation)
    return {name: sorted(places[name]) for name in sorted(places)}


def _stretches(numbers: list[int]) -> str:
    """Ascending numbers in short, for example "1-3, 7"."""
    ends = [n for n in numbers if n + 1 not in numbers]
    begins = [n for n in numbers if n - 1 not in numbers]
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(begins, ends, strict=True))
