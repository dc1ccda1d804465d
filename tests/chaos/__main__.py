"""The chaos runner's command line: undisturbed runs, disturbed ones, checks, tables."""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import psutil

from chaos import machines, report
from chaos.aftermath import aftermath, keep, undisturbed
from chaos.faults import FAULTS, Fault, Victim
from chaos.namespaces import may_make_namespaces
from chaos.plan import Plan, plans
from chaos.runner import Play
from chaos.sandbox import Sandbox, may_be_limited
from chaos.scenes import LONG, SCENES

PRIVATE = "SPIKELOOP_CHAOS_PRIVATE"


def main() -> int:
    options = _options()
    # Programs started in the background of a shell ignore it, and so would all runs from here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit("stopped"))
    limited = may_be_limited()
    if limited and PRIVATE not in os.environ:
        # File systems mounted from here on are seen by this process and its children alone.
        command = ["unshare", "--mount", sys.executable, "-m", "chaos", *sys.argv[1:]]
        os.execvpe(command[0], command, {**os.environ, PRIVATE: "1"})
    if not limited:
        print("no rights to mount or to limit memory: faults 'disk' and 'memory' are left out")
    with tempfile.TemporaryDirectory(prefix="sc-", dir="/tmp") as place:
        return int(any(result.problems for result in _disturb(options, limited, Path(place))))


def _disturb(options: argparse.Namespace, limited: bool, root: Path) -> list[report.Result]:
    """Plays all runs, prints the tables and writes them down as they come."""
    chosen = [] if options.only_namespaces else plans(options.runs, options.seed, limited)
    if options.only is not None:
        chosen = [plan for plan in chosen if plan.number in options.only]
    several = not options.without_namespaces and may_make_namespaces()
    wanted = {plan.scene.name for plan in chosen} | ({LONG.name} if several else set())
    scenes = [scene for scene in (*SCENES, LONG) if scene.name in wanted]
    generation_s = {scene.name: undisturbed(scene, root) for scene in scenes}
    results: list[report.Result] = []

    def save(cluster: Sequence[report.Result] = ()) -> None:
        if options.json:
            values = {"undisturbed": generation_s, "seed": options.seed}
            values |= {"runs": list(map(asdict, results)), "cluster": list(map(asdict, cluster))}
            options.json.parent.mkdir(parents=True, exist_ok=True)
            options.json.write_text(json.dumps(values, indent=1) + "\n")

    for plan in chosen:
        results.append(_one(plan, options, root, limited))
        print(f"{time.strftime('%H:%M:%S')} {report.line(results[-1])}", flush=True)
        save()
    if chosen:
        words = {name: fault.words for name, fault in FAULTS.items()}
        print(report.markdown(results, words, generation_s), flush=True)
    cluster = machines.disturb(root, generation_s, options.kept) if several else []
    save(cluster)
    return [*results, *cluster]


def _one(plan: Plan, options: argparse.Namespace, root: Path, limited: bool) -> report.Result:
    rng = np.random.default_rng([options.seed, plan.number])
    with Sandbox(root / str(plan.number), limited) as sandbox:

        def striker(fault: Fault) -> Callable[[psutil.Process], bool]:
            return lambda coordinator: fault.strike(Victim(coordinator, sandbox, rng))

        faults = {name: striker(fault) for name, fault in FAULTS.items()}
        config = plan.scene.write(sandbox.folder / "scene")
        play = Play(config, plan.strikes, faults, sandbox, plan.scene.last)
        play.run()
        problems = aftermath(play, sandbox, root / plan.scene.name, rng)
        if problems and options.kept:
            keep(sandbox, options.kept / f"seed-{options.seed}-run-{plan.number}")
        return report.result(plan.number, play, problems)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--runs", type=int, default=50, help="short disturbed runs")
    parser.add_argument("--seed", type=int, default=1, help="of all plans")
    parser.add_argument("--only", type=int, nargs="*", help="only these runs of them")
    parser.add_argument("--json", type=Path, help="file for all results")
    parser.add_argument("--kept", type=Path, help="folder for what failing runs left")
    parser.add_argument("--without-namespaces", action="store_true", help="one machine only")
    parser.add_argument("--only-namespaces", action="store_true", help="several nodes only")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
