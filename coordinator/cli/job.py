"""What ``spikeloop submit`` starts on a cluster: compare the code, then begin or go on.

    python -m spikeloop.coordinator.cli.job run|compare|sweep CONFIG [OPTION]...

Ray starts it on the head, in the folder that was submitted, with the job's metadata.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.ray_backend import job_env
from spikeloop.coordinator.cli.exits import explain, leave
from spikeloop.coordinator.formatting import warn
from spikeloop.coordinator.submit.submitted_runs import CODE, OUT, RUN
from spikeloop.workers.fingerprint import difference, fingerprint

OURS = ("spikeloop", "own classes")
"""Parts of a fingerprint that must be the same; other libraries are a warning."""


def main(arguments: list[str]) -> None:
    """Carry out the job and exit as its command does."""
    from spikeloop.coordinator.cli import main as cli

    try:
        metadata = job_env.metadata()
        name = metadata.get(RUN, "")
        if not name:
            raise PoolError("only spikeloop submit starts this program")
        if metadata.get(CODE):
            require_same_code(json.loads(metadata[CODE]))
        out = runs_folder(metadata.get(OUT, ""))
        if not job_env.share_folder(out / name, name):
            warn("the folder cannot be shared, so `spikeloop status` and `fetch` see nothing")
    except BaseException as error:
        raise SystemExit(explain(error)) from error
    command, config, *rest = arguments
    cli.main([command, config, "--resume", "--address", "auto", "--out", str(out), *rest])


def require_same_code(theirs: Mapping[str, str]) -> None:
    """PoolError unless the code that submitted is that here; a warning if only libraries differ."""
    own = Path.cwd() if "own classes" in theirs else None
    here, there = fingerprint(own), dict(theirs)
    ours = _of(here, OURS), _of(there, OURS)
    if changes := difference(*ours):
        raise PoolError(
            f"the cluster has other code than the machine that submitted, {changes}; install the "
            "same on both, or submit with --any-code"
        )
    if changes := difference(here, there):
        warn(f"the cluster has other versions than the machine that submitted: {changes}")


def runs_folder(out: str) -> Path:
    """The folder for results: as submitted, or the cluster's own, or in the home folder."""
    return Path(out or os.environ.get("SPIKELOOP_RUNS") or Path.home() / "spikeloop-runs")


def _of(code: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: code[name] for name in names if name in code}


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SystemExit as ended:
        leave(int(ended.code or 0))
